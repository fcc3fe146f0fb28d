// One document with a value of every BSON type that js-bson can write, which is all but undefined
// and DBPointer. `bson` is the module of the driver under test.
'use strict';

function everyType(bson) {
  const { Binary, BSONRegExp, BSONSymbol, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey,
    ObjectId, Timestamp } = bson;
  const binary = (subtype, ...bytes) => new Binary(Buffer.from(bytes), subtype);
  return {
    double: new Double(3.25), double_whole: new Double(1), double_nan: new Double(NaN),
    double_negative_zero: new Double(-0), double_infinite: new Double(-Infinity),
    double_smallest: new Double(Number.MIN_VALUE), double_largest: new Double(Number.MAX_VALUE),
    string: 'Grüße, 世界, \u{1F600}', string_with_nul: 'a\0b', string_empty: '',
    document: { b: new Int32(1), a: { deeper: { '': 'empty name', 键: null } } },
    document_empty: {},
    array: [new Int32(1), 'two', [new Double(3)], {}], array_empty: [],
    binary: binary(0, 0, 255, 128), binary_empty: binary(0), binary_function: binary(1, 1),
    binary_old: binary(2, 1, 2, 3), binary_old_uuid: binary(3, ...Array(16).keys()),
    binary_uuid: binary(4, ...Array(16).keys()), binary_md5: binary(5, ...Array(16).keys()),
    binary_encrypted: binary(6, 1), binary_column: binary(7, 9), binary_user: binary(128, 7),
    binary_last: binary(255, 7),
    object_id: new ObjectId('0123456789abcdef01234567'),
    bool_true: true, bool_false: false,
    date: new Date(1700000000123), date_negative: new Date(-1), date_first: new Date(-8.64e15),
    null: null,
    regex: new BSONRegExp('^a/(b)\\n', 'imx'), regex_empty: new BSONRegExp('', ''),
    code: new Code('function () { return "é"; }'),
    symbol: new BSONSymbol('symbol'),
    code_with_scope: new Code('x + 1', { x: new Int32(1), deeper: { y: 'z' } }),
    int32: new Int32(-1), int32_least: new Int32(-0x80000000), int32_most: new Int32(0x7fffffff),
    timestamp: new Timestamp(new Long(7, 1700000000)), timestamp_most: new Timestamp(new Long(-1, -1)),
    int64: Long.fromInt(1), int64_least: Long.MIN_VALUE, int64_most: Long.MAX_VALUE,
    decimal128: Decimal128.fromString('0.1000'), decimal128_nan: Decimal128.fromString('NaN'),
    decimal128_negative_zero: Decimal128.fromString('-0E-6176'),
    decimal128_infinite: Decimal128.fromString('-Infinity'),
    decimal128_most: Decimal128.fromString('9.999999999999999999999999999999999E+6144'),
    min_key: new MinKey(), max_key: new MaxKey(),
  };
}

module.exports = { everyType };
