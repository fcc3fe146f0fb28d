"""Cases for `oocrpc bson`, a table for each type, in the layout of MongoDB's BSON corpus.

The bytes are put together here with struct alone, apart from the library. Names of the keys are
those of the corpus: canonical_bson, degenerate_bson, canonical_extjson, relaxed_extjson,
degenerate_extjson, lossy; decodeErrors have bson, parseErrors string.
"""
import json
import struct


def i32(n):
    return struct.pack("<i", n)


def u32(n):
    return struct.pack("<I", n)


def i64(n):
    return struct.pack("<q", n)


def double(d):
    return struct.pack("<d", d)


def cstring(text):
    return text.encode() + b"\0"


def string(text):
    return i32(len(text.encode()) + 1) + cstring(text)


def element(kind, name, value=b""):
    return bytes([kind]) + cstring(name) + value


def document(*elements):
    body = b"".join(elements)
    return i32(len(body) + 5) + body + b"\0"


def binary(subtype, data):
    return i32(len(data)) + bytes([subtype]) + data


def scoped(code, scope):
    rest = string(code) + scope
    return i32(len(rest) + 4) + rest


def decimal(high, low):
    return struct.pack("<QQ", low, high)


OID = bytes(range(0xf4, 0x100))
OID_TEXT = '{"$oid":"f4f5f6f7f8f9fafbfcfdfeff"}'


def valid(what, bson, canonical, relaxed=None, dirty_bson=None, dirty=None, lossy=False):
    case = {"description": what, "canonical_bson": bson.hex().upper(),
            "canonical_extjson": canonical}
    for key, value in (("relaxed_extjson", relaxed), ("degenerate_extjson", dirty),
                       ("degenerate_bson", dirty_bson and dirty_bson.hex().upper()),
                       ("lossy", lossy)):
        if value:
            case[key] = value
    return case


def one(kind, what, value, canonical, relaxed=None, dirty=None, lossy=False):
    """A document of one element `v`; the texts are those of its value."""
    wrap = lambda text: text and '{"v":%s}' % text
    return valid(what, document(element(kind, "v", value)), wrap(canonical), wrap(relaxed),
                 dirty=wrap(dirty), lossy=lossy)


def broken(what, bson):
    return {"description": what, "bson": bson.hex().upper()}


def broken_one(kind, what, value):
    return broken(what, document(element(kind, "v", value)))


def refused(what, value):
    return {"description": what, "string": '{"v":%s}' % value}


def table(name, kind, cases=(), decode_errors=(), parse_errors=()):
    return {"description": name, "bson_type": "0x%02X" % kind, "valid": list(cases),
            "decodeErrors": list(decode_errors), "parseErrors": list(parse_errors)}


def doubles():
    def case(d, text):
        return one(1, text, double(d), '{"$numberDouble":"%s"}' % text, text)
    special = lambda text: '{"$numberDouble":"%s"}' % text
    return table("double", 1, [
        case(1.0, "1.0"), case(-2.0, "-2.0"), case(0.0, "0.0"), case(-0.0, "-0.0"),
        case(0.1, "0.1"), case(-3.0517578125e-05, "-0.000030517578125"), case(1e-7, "1E-7"),
        case(100000.0, "100000.0"), case(9007199254740993.0, "9007199254740992.0"),
        case(7.6543210987654E+19, "7.6543210987654E+19"), case(-1e100, "-1E+100"),
        case(5e-324, "5E-324"), case(1.7976931348623157e308, "1.7976931348623157E+308"),
        one(1, "another exponent", double(1.5e20), special("1.5E+20"), "1.5E+20",
            special("150e18")),
        one(1, "NaN", b"\0\0\0\0\0\0\xf8\x7f", special("NaN"), special("NaN")),
        one(1, "NaN with a payload", b"\x07\0\0\0\0\0\xf8\xff", special("NaN"), special("NaN"),
            lossy=True),
        one(1, "infinity", double(float("inf")), special("Infinity"), special("Infinity")),
        one(1, "less", double(float("-inf")), special("-Infinity"), special("-Infinity")),
        one(1, "an integer above int64", double(2.0**64), special("1.8446744073709552E+19"),
            dirty="18446744073709551616"),
    ], [
        broken("cut off", document(element(1, "v", b"\1\2\3\4\5\6\7"))),
    ], [
        refused("a number", '{"$numberDouble":1.5}'), refused("no number", special("x")),
        refused("a space", special(" 1.5")), refused("too large", special("1E+999")),
        refused("too large, plain", "1e999"), refused("inf", special("inf")),
        refused("a key beside it", '{"$numberDouble":"1","x":1}'),
        refused("a key before it", '{"x":1,"$numberDouble":"1"}'),
    ])


def texts():
    controls = "".join(map(chr, range(32)))
    cases = [("empty", ""), ("ASCII", "plain"), ("two bytes", "öü"), ("three bytes", "诗词"),
             ("four bytes", "🀄"), ("NUL inside", "a\0b\0"), ("escapes", '"\\/' + controls + "\x7f")]
    errors = [
        ("length 0", i32(0) + b"\0"), ("length 0, no NUL", i32(0)), ("length -1", i32(-1) + b"a\0"),
        ("longer than the document", i32(7) + b"a\0"), ("takes the last NUL", i32(3) + b"a\0"),
        ("no NUL at the end", i32(2) + b"ab"), ("shorter than it is", i32(1) + b"\0\0"),
        ("cut off inside a character", i32(3) + b"\xe8\xaf\0"), ("overlong", i32(3) + b"\xc0\x80\0"),
        ("a surrogate", i32(4) + b"\xed\xa0\x80\0"), ("above U+10FFFF", i32(5) + b"\xf4\x90\x80\x80\0"),
    ]
    for name, kind, wrap in (("string", 2, "%s"), ("code", 13, '{"$code":%s}'),
                             ("symbol", 14, '{"$symbol":%s}')):
        yield table(name, kind, [
            one(kind, what, string(text), wrap % json.dumps(text),
                wrap % json.dumps(text, ensure_ascii=False)) for what, text in cases
        ], [broken_one(kind, what, value) for what, value in errors], [
            refused("a number", wrap % "5") if kind != 2 else refused("a lone surrogate", '"\\ud800"'),
            refused("a key beside it", '{"$%s":"","x":1}' % ("code" if kind == 13 else "symbol")),
        ])


def containers():
    inner = document(element(2, "", string("x")))
    return [table("document", 3, [
        one(3, "empty", document(), "{}"), one(3, "an empty key", inner, '{"":"x"}'),
        one(3, "keys twice", document(element(16, "a", i32(1)), element(16, "a", i32(2))),
            '{"a":{"$numberInt":"1"},"a":{"$numberInt":"2"}}', '{"a":1,"a":2}'),
        one(3, "keys that look like operators",
            document(element(8, "$", b"\1"), element(8, "$x", b"\0"), element(8, "a.b", b"\0"),
                     element(8, ".", b"\0")),
            '{"$":true,"$x":false,"a.b":false,".":false}'),
        one(3, "operators of queries",
            document(element(2, "$regex", string("a")), element(2, "$options", string("i"))),
            '{"$regex":"a","$options":"i"}'),
        one(3, "$regex with a regex", document(element(11, "$regex", b"a\0\0")),
            '{"$regex":{"$regularExpression":{"pattern":"a","options":""}}}'),
        one(3, "$type", document(element(2, "$type", string("int"))), '{"$type":"int"}'),
    ], [
        broken_one(3, "longer than the outer one", i32(200) + b"\0"),
        broken_one(3, "takes the outer NUL", i32(6) + b"\0"),
        broken_one(3, "leaves its NUL behind", i32(5) + element(10, "a") + b"\0"),
        broken_one(3, "a bad string inside", document(element(2, "a", i32(9) + b"b\0"))),
        broken_one(3, "NUL in a key", document(b"\x08a\0b\0\1")),
        broken_one(3, "a key that is not UTF-8", document(b"\x0a\xff\0")),
    ], [refused("NUL in a key", '{"\\u0000":1}')]),
        table("array", 4, [
            one(4, "empty", document(), "[]"),
            one(4, "nested", document(element(4, "0", document()), element(10, "1")), "[[],null]"),
            one(4, "eleven", document(*(element(10, str(i)) for i in range(11))),
                "[" + ",".join(["null"] * 11) + "]"),
        ] + [
            valid("names " + repr(names),
                  document(element(4, "v", document(element(8, "0", b"\1"), element(8, "1", b"\0")))),
                  '{"v":[true,false]}',
                  dirty_bson=document(element(4, "v", document(element(8, names[0], b"\1"),
                                                               element(8, names[1], b"\0")))))
            for names in (("", "x"), ("1", "0"), ("0", "0"), ("00", "01"))
        ], [
            broken_one(4, "takes the outer NUL", i32(6) + b"\0"),
            broken_one(4, "leaves its NUL behind", i32(5) + element(10, "0") + b"\0"),
        ])]


def dbrefs():
    ref = element(2, "$ref", string("poems"))
    identity = element(7, "$id", OID)
    db = element(2, "$db", string("tang"))
    return table("DBRef, which is a document", 3, [
        one(3, "complete", document(ref, identity), '{"$ref":"poems","$id":%s}' % OID_TEXT),
        one(3, "with a database", document(ref, identity, db),
            '{"$ref":"poems","$id":%s,"$db":"tang"}' % OID_TEXT),
        one(3, "with more keys", document(ref, element(16, "$id", i32(7)), element(8, "$x", b"\1")),
            '{"$ref":"poems","$id":{"$numberInt":"7"},"$x":true}'),
        one(3, "without $id", document(ref), '{"$ref":"poems"}'),
        one(3, "without $ref", document(identity), '{"$id":%s}' % OID_TEXT),
        one(3, "$ref is a number", document(element(16, "$ref", i32(1)), identity),
            '{"$ref":{"$numberInt":"1"},"$id":%s}' % OID_TEXT, '{"$ref":1,"$id":%s}' % OID_TEXT),
        one(3, "$db is a number", document(ref, identity, element(16, "$db", i32(1))),
            '{"$ref":"poems","$id":%s,"$db":{"$numberInt":"1"}}' % OID_TEXT),
    ])


def binaries():
    form = '{"$binary":{"base64":"%s","subType":"%s"}}'
    uuid = bytes(range(16))
    return table("binary", 5, [
        one(5, "empty", binary(0, b""), form % ("", "00")),
        one(5, "one byte, keys in the other order", binary(0, b"\xfb"), form % ("+w==", "00"),
            dirty='{"$binary":{"subType":"00","base64":"+w=="}}'),
        one(5, "two bytes", binary(1, b"\xfb\xf0"), form % ("+/A=", "01")),
        one(5, "a subtype of one digit", binary(9, b"\x03\0\x7f"), form % ("AwB/", "09"),
            dirty=form % ("AwB/", "9")),
        one(5, "subtype 2", binary(2, i32(3) + b"abc"), form % ("YWJj", "02")),
        one(5, "subtype 2, empty", binary(2, i32(0)), form % ("", "02")),
        one(5, "upper case", binary(0xfe, b"a"), form % ("YQ==", "fe"), dirty=form % ("YQ==", "FE")),
        one(5, "UUID", binary(4, uuid), form % ("AAECAwQFBgcICQoLDA0ODw==", "04"),
            dirty='{"$uuid":"00010203-0405-0607-0809-0A0B0C0D0E0F"}'),
        one(5, "old UUID", binary(3, uuid), form % ("AAECAwQFBgcICQoLDA0ODw==", "03")),
    ], [
        broken_one(5, "longer than the document", i32(9) + b"\0abc"),
        broken_one(5, "negative", i32(-1) + b"\0"),
        broken_one(5, "subtype 2 without its length", binary(2, b"abc")),
        broken_one(5, "subtype 2, too long", binary(2, i32(4) + b"abc")),
        broken_one(5, "subtype 2, too short", binary(2, i32(2) + b"abc")),
        broken_one(5, "subtype 2, negative", binary(2, i32(-1) + b"abc")),
    ], [
        refused("a string", '{"$binary":"YWJj"}'),
        refused("the old form", '{"$binary":"YWJj","$type":"00"}'),
        refused("base64 is a number", '{"$binary":{"base64":0,"subType":"00"}}'),
        refused("subType is a number", '{"$binary":{"base64":"","subType":0}}'),
        refused("no base64", '{"$binary":{"subType":"00"}}'),
        refused("no subType", '{"$binary":{"base64":""}}'),
        refused("one more key inside", '{"$binary":{"base64":"","subType":"00","x":1}}'),
        refused("one more key outside", '{"$binary":{"base64":"","subType":"00"},"x":1}'),
        refused("no padding", form % ("YQ", "00")), refused("no digit", form % ("Y!==", "00")),
        refused("no subtype", form % ("", "")), refused("a long subtype", form % ("", "000")),
        refused("UUID without dashes", '{"$uuid":"000102030405060708090a0b0c0d0e0f"}'),
        refused("UUID of 15 bytes", '{"$uuid":"00010203-0405-0607-0809-0a0b0c0d0e"}'),
        refused("UUID is an object", '{"$uuid":{"x":"00010203-0405-0607-0809-0a0b0c0d0e0f"}}'),
        refused("dashes elsewhere", '{"$uuid":"000102030-405-0607-0809-0a0b0c0d0e0f"}'),
    ])


def small():
    def constant(kind, name, text, bad):
        return table(name, kind, [one(kind, name, b"", text, text)], [],
                     [refused(value, value) for value in bad])
    yield constant(6, "undefined", '{"$undefined":true}',
                   ['{"$undefined":false}', '{"$undefined":1}', '{"$undefined":true,"x":1}'])
    yield constant(10, "null", "null", ["nul", "NULL"])
    for kind, key in ((127, "$maxKey"), (255, "$minKey")):
        yield constant(kind, key, '{"%s":1}' % key,
                       ['{"%s":%s}' % (key, v) for v in ("0", "true", '"1"', "1.0", '1,"x":1',
                                                         '{"$numberInt":"1"}')])
    yield table("boolean", 8, [one(8, "true", b"\1", "true"), one(8, "false", b"\0", "false")],
                [broken_one(8, "2", b"\2"), broken_one(8, "-1", b"\xff")], [refused("True", "True")])
    yield table("ObjectId", 7, [
        one(7, "lower case", OID, OID_TEXT, dirty=OID_TEXT.upper().replace("$OID", "$oid")),
        one(7, "zeros", bytes(12), '{"$oid":"%s"}' % ("0" * 24)),
    ], [broken("cut off", document(element(7, "v", OID[:11])))], [
        refused("a number", '{"$oid":5}'), refused("23 digits", '{"$oid":"%s"}' % ("0" * 23)),
        refused("26 digits", '{"$oid":"%s"}' % ("0" * 26)),
        refused("no digit", '{"$oid":"%sg"}' % ("0" * 23)),
        refused("a key beside it", '{"$oid":"%s","x":1}' % ("0" * 24)),
    ])


def integers():
    def case(n, kind, name, encode):
        return one(kind, str(n), encode(n), '{"%s":"%d"}' % (name, n), str(n), lossy=False)
    yield table("int32", 16, [case(n, 16, "$numberInt", i32)
                              for n in (0, 1, -1, 65536, 2**31 - 1, -2**31)],
                [broken("cut off", document(element(16, "v", b"\1\2\3")))],
                [refused(v, '{"$numberInt":%s}' % v)
                 for v in ("42", '"2147483648"', '"-2147483649"', '""', '"1.0"', '"0x1"', '" 1"',
                           '"1","x":1', "null")])
    yield table("int64", 18, [case(n, 18, "$numberLong", i64)
                              for n in (0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -2**63)],
                [broken("cut off", document(element(18, "v", b"\1\2\3\4\5\6\7")))],
                [refused(v, '{"$numberLong":%s}' % v)
                 for v in ("42", '"9223372036854775808"', '"-9223372036854775809"', '"5L"',
                           '"1","x":1')])


def dates():
    def case(ms, text=None, dirty=None):
        form = '{"$date":{"$numberLong":"%d"}}' % ms
        return one(9, str(ms), i64(ms), form, '{"$date":"%s"}' % text if text else form,
                   dirty and '{"$date":"%s"}' % dirty)
    yield table("date", 9, [
        case(0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        case(1, "1970-01-01T00:00:00.001Z", "1970-01-01T01:00:00.001+01:00"),
        case(951868799990, "2000-02-29T23:59:59.990Z", "2000-02-29t23:59:59.99z"),
        case(253402300799999, "9999-12-31T23:59:59.999Z"),
        case(253402300800000), case(-1, None, "1969-12-31T23:59:59.999Z"),
        case(-62135596800000, None, "0001-01-01T00:00:00Z"), case(2**63 - 1), case(-2**63),
    ], [broken("cut off", document(element(9, "v", b"\1\2\3\4\5\6\7")))], [
        refused(v, '{"$date":%s}' % v)
        for v in ("5", '"yesterday"', '"2020-01-01"', '"2021-02-29T00:00:00Z"', "null",
                  '{"$numberInt":"5"}', '{"$numberLong":5}', '{"$numberLong":"5","x":1}',
                  '"2020-01-01T00:00:00"', '"2020-01-01T00:00:00Z","x":1')])
    form = '{"$timestamp":{"t":%s,"i":%s}}'
    yield table("timestamp", 17, [
        one(17, "small", u32(3) + u32(1600000000), form % (1600000000, 3),
            dirty='{"$timestamp":{"i":3,"t":1600000000}}'),
        one(17, "all bits", u32(2**32 - 1) * 2, form % (2**32 - 1, 2**32 - 1)),
    ], [broken("cut off", document(element(17, "v", b"\1\2\3\4\5\6\7")))], [
        refused("no object", '{"$timestamp":5}'), refused("t is text", form % ('"1"', 1)),
        refused("i is text", form % (1, '"1"')), refused("no i", '{"$timestamp":{"t":1}}'),
        refused("no t", '{"$timestamp":{"i":1}}'), refused("negative", form % (-1, 1)),
        refused("33 bits", form % (1, 2**32)), refused("a fraction", form % ("1.0", 1)),
        refused("more inside", '{"$timestamp":{"t":1,"i":1,"x":1}}'),
        refused("more outside", '{"$timestamp":{"t":1,"i":1},"x":1}'),
    ])


def expressions():
    form = '{"$regularExpression":{"pattern":%s,"options":%s}}'
    case = lambda what, pattern, options, dirty=None: one(
        11, what, cstring(pattern) + cstring(options),
        form % (json.dumps(pattern), json.dumps(options)), dirty=dirty)
    yield table("regular expression", 11, [
        case("empty", "", ""), case("plain", "^床前", "im"), case("a slash", "a/b", ""),
        case("escapes", 'a\\"\t', ""),
        case("keys in the other order", "a", "x",
             '{"$regularExpression":{"options":"x","pattern":"a"}}'),
        valid("options out of order", document(element(11, "v", b"a\0isx\0")),
              '{"v":%s}' % (form % ('"a"', '"isx"')),
              dirty_bson=document(element(11, "v", b"a\0xsi\0")),
              dirty='{"v":%s}' % (form % ('"a"', '"sxi"'))),
    ], [
        broken_one(11, "NUL in the pattern", b"a\0b\0i\0"),
        broken_one(11, "NUL in the options", b"a\0i\0m\0"),
        broken_one(11, "no options", b"a\0"), broken_one(11, "no UTF-8", b"\xff\0\0"),
    ], [
        refused("no object", '{"$regularExpression":"a"}'),
        refused("no options", '{"$regularExpression":{"pattern":"a"}}'),
        refused("no pattern", '{"$regularExpression":{"options":"i"}}'),
        refused("pattern is a number", form % ("5", '""')),
        refused("options are a number", form % ('""', "5")),
        refused("more inside", '{"$regularExpression":{"pattern":"a","options":"","x":1}}'),
        refused("NUL in the pattern", form % ('"a\\u0000"', '""')),
        refused("NUL in the options", form % ('"a"', '"i\\u0000"')),
    ])
    pointer = '{"$dbPointer":{"$ref":%s,"$id":%s}}'
    yield table("DBPointer", 12, [
        one(12, "plain", string("db.é") + OID, pointer % ('"db.é"', OID_TEXT),
            dirty='{"$dbPointer":{"$id":%s,"$ref":"db.é"}}' % OID_TEXT),
    ], [
        broken_one(12, "length -1", i32(-1) + b"a\0" + OID),
        broken_one(12, "length 0", i32(0) + b"a\0" + OID),
        broken_one(12, "no NUL at the end", i32(2) + b"ab" + OID),
        broken_one(12, "a short id", string("a") + OID[:11]),
        broken_one(12, "no UTF-8", i32(2) + b"\xe9\0" + OID),
    ], [
        refused("$ref is a number", pointer % ("5", OID_TEXT)),
        refused("$id is text", pointer % ('"a"', '"f4f5f6f7f8f9fafbfcfdfeff"')),
        refused("no $id", '{"$dbPointer":{"$ref":"a"}}'),
        refused("more inside", '{"$dbPointer":{"$ref":"a","$id":%s,"x":1}}' % OID_TEXT),
    ])


def scoped_code():
    scope = document(element(16, "x", i32(1)))
    whole = scoped("f()", scope)
    length = lambda n: i32(n) + whole[4:]
    code_length = lambda n: whole[:4] + i32(n) + whole[8:]
    return table("code with scope", 15, [
        one(15, "both empty", scoped("", document()), '{"$code":"","$scope":{}}'),
        one(15, "keys in the other order", whole, '{"$code":"f()","$scope":{"x":{"$numberInt":"1"}}}',
            '{"$code":"f()","$scope":{"x":1}}', '{"$scope":{"x":{"$numberInt":"1"}},"$code":"f()"}'),
        one(15, "NUL and other languages", scoped("é\0x", document()),
            '{"$code":"\\u00e9\\u0000x","$scope":{}}'),
        one(15, "a scope of wrappers' names", scoped("", document(element(16, "$oid", i32(1)))),
            '{"$code":"","$scope":{"$oid":{"$numberInt":"1"}}}'),
    ], [
        broken_one(15, "length %d" % n, length(n))
        for n in (0, -1, 13, len(whole) - 1, len(whole) + 1, 255)
    ] + [
        broken_one(15, "code length %d" % n, code_length(n)) for n in (-1, 0, 3, 5, 255)
    ] + [
        broken_one(15, "a bad scope", scoped("", document(element(2, "x", i32(0) + b"\0")))),
    ], [
        refused("$code is a number", '{"$code":5,"$scope":{}}'),
        refused("$scope is a number", '{"$code":"","$scope":5}'),
        refused("$scope is an array", '{"$code":"","$scope":[]}'),
        refused("$scope alone", '{"$scope":{}}'),
        refused("one more key", '{"$code":"","$scope":{},"x":1}'),
        refused("a bad wrapper inside", '{"$code":"","$scope":{"x":{"$oid":5}}}'),
    ])


def decimals():
    form = '{"$numberDecimal":"%s"}'
    nines = 10**34 - 1

    def case(text, high, low, dirty=None, lossy=False):
        return one(19, dirty or text, decimal(high, low), form % text, form % text,
                   dirty and form % dirty, lossy)

    def number(text, digits, exponent, dirty=None, sign=0):
        bits = sign << 127 | (exponent + 6176) << 113 | digits
        return case(text, bits >> 64, bits & 2**64 - 1, dirty)
    return table("decimal128", 19, [
        number("0", 0, 0), number("-0", 0, 0, sign=1), number("0.00", 0, -2),
        number("0E+3", 0, 3), number("0E-7", 0, -7), number("12.50", 1250, -2, "+012.50"),
        number("-1.5E-9", 15, -10, "-15e-10", 1),
        number("1E+2", 1, 2, "1e2"), number("1E-6176", 1, -6176),
        number("1.0E-6175", 10, -6176, "0.10E-6174"),
        number("9.999999999999999999999999999999999E+6144", nines, 6111),
        number("1.000E+6114", 1000, 6111, "1E+6114"),
        number("1.000000000000000000000000000000000E+34", 10**33, 1, "1" + "0" * 34),
        number("0E-6176", 0, -6176, "0E-99999"), number("0E+6111", 0, 6111, "0E+99999999999"),
        case("NaN", 0x7c << 56, 0, "nAN"), case("NaN", 0xfc << 56, 0, "-NaN", True),
        case("NaN", 0x7e << 56, 5, lossy=True),
        case("Infinity", 0x78 << 56, 0, "+inf"), case("-Infinity", 0xf8 << 56, 0, "-INFINITY"),
        # Coefficients above 34 digits, in either form, count as zero.
        case("0", 0x6c10 << 48, 1, lossy=True), case("-0E+1", 0xec10800000000000, 0, lossy=True),
        case("0", 0x3041ed09bead87c0, 0x378d8e6400000000, lossy=True),
    ], [broken("cut off", document(element(19, "v", bytes(15))))], [
        refused(text, form % text)
        for text in ("", ".", "-", "+", "e", "e1", "1e", "1e+", "1e+-1", "1e1.5", "..1", "1..", "1.2.3",
                     "--1", "1-", "1 ", " 1", "0x1", "1,5", "1_0", "Inf1", "Infinit", "-Infin", "na",
                     "nano", "sNaN", "NaN1", "1E+6145", "1E-6177", "1E+99999999999", "1" * 35,
                     "1" + "0" * 40 + "1", "1.00000000000000000000000000000000001")
    ] + [refused("a number", '{"$numberDecimal":5}'),
         refused("a key beside it", '{"$numberDecimal":"5","x":1}')])


def top():
    whole = document(element(16, "a", i32(1)))
    return table("whole documents", 0, [
        valid("empty", document(), "{}"),
        valid("a wrapper's name", document(element(16, "$oid", i32(7))),
              '{"$oid":{"$numberInt":"7"}}', '{"$oid":7}'),
        valid("several", document(element(2, "$regex", string("a")), element(10, "$binary"),
                                  element(10, "$x")),
              '{"$regex":"a","$binary":null,"$x":null}'),
    ], [
        broken("length %d" % n, i32(n) + whole[4:])
        for n in (-1, 0, 4, len(whole) - 1, len(whole) + 1, 2**31 - 1)
    ] + [broken("%d bytes" % n, whole[:n]) for n in range(1, len(whole))] + [
        broken("no NUL at the end", whole[:-1] + b"\1"), broken("bytes behind it", whole + b"\1"),
        broken("a type that is none", document(element(0x14, "a"))),
        broken("another", document(element(0x80, "a"))),
        broken("NUL in a key", document(b"\x0aa\0a\0")),
    ], [{"description": text, "string": text} for text in (
        "[]", "5", '"a"', "null", "true", "{", "}", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "{'a':1}",
        '{"a":1} x', '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":NaN}', '{"a":"\t"}',
        '{"a":1 "b":2}', "{}}", '{"a\\u0000":1}', "\ufeff", "// text", '{"a":[1,{"$oid":5}]}')])


def all_tables():
    return [doubles(), *texts(), *containers(), dbrefs(), binaries(), *small(), *integers(),
            *dates(), *expressions(), scoped_code(), decimals(), top()]
