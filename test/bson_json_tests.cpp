#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

#include "support/bson_samples.hpp"
#include "support/test.hpp"

#include <cmath>
#include <limits>

using namespace bson_samples;
namespace bson = oocrpc::bson;
using bson::json_mode;
using bson::type;
using oocrpc::json;

namespace {

raw back(const json& j) {
    oocrpc::byte_buffer out;
    bson::put_document(out, j);
    return {out.data(), out.data() + out.size()};
}

bson::value value_of(const std::string& text) {
    return bson::to_value(json::parse(text));
}

std::string error_of(const json& j) {
    try {
        bson::to_value(j);
        return "";
    } catch (const oocrpc::rpc_error& e) {
        CHECK(e.code() == oocrpc::errc::invalid_argument);
        return e.detail();
    }
}
std::string error_of(const char* text) {
    return error_of(json::parse(text));
}

std::string text_of(const char* text, json_mode mode = json_mode::relaxed) {
    return bson::to_text(value_of(text), mode);
}

std::string decimal(std::uint64_t high, std::uint64_t low) {
    auto bytes = number(low, 8) + number(high, 8);
    auto j = bson::to_json({type::decimal128, bytes});
    return j["$numberDecimal"].get<std::string>();
}

// The bytes of a decimal's text, low half first, or nothing where it is refused.
raw decimal_bytes(const std::string& text) {
    try {
        return bson::to_value(json{{"$numberDecimal", text}}).data;
    } catch (const oocrpc::rpc_error&) {
        return {};
    }
}

} // namespace

TEST_SUITE_BEGIN("bson_json");

TEST_CASE("all types survive canonical JSON byte by byte, in memory and as text") {
    auto d = all_types();
    CHECK(back(bson::to_json(view(d), json_mode::canonical)) == d);
    auto text = bson::to_text(view(d), json_mode::canonical);
    CHECK(back(json::parse(text)) == d);
}

TEST_CASE("all types but the width of numbers survive relaxed JSON") {
    auto d = all_types();
    auto text = bson::to_text(view(d));
    for (auto& made : {back(bson::to_json(view(d))), back(json::parse(text))}) {
        REQUIRE(fault_of(made) == "");
        for (auto& e : bson::elements(d)) {
            auto v = bson::find(made, e.name);
            REQUIRE(v);
            CAPTURE(e.name);
            if (e.name == "int64")
                CHECK(v->as_int32() == 5);
            else if (e.name == "array")
                CHECK(v->t == type::array);
            else
                CHECK(*v == e.value);
        }
    }
}

TEST_CASE("each type has its Extended JSON form") {
    auto d = all_types();
    auto relaxed = bson::to_json(view(d)), canonical = bson::to_json(view(d), json_mode::canonical);
    CHECK(relaxed["float64"] == 1.5);
    CHECK(relaxed["int32"] == -2);
    CHECK(relaxed["int64"] == 5);
    CHECK(relaxed["datetime"].dump() == R"({"$date":"2012-12-24T12:15:30.501Z"})");
    CHECK(relaxed["object_id"].dump() == R"({"$oid":"0102030405060708090a0b0c"})");
    CHECK(relaxed["timestamp"].dump() == R"({"$timestamp":{"t":4294967280,"i":2}})");
    CHECK(relaxed["decimal128"].dump() == R"({"$numberDecimal":"1.50"})");
    CHECK(relaxed["undefined"].dump() == R"({"$undefined":true})");
    CHECK(relaxed["regex"].dump() ==
          R"({"$regularExpression":{"pattern":"^a.*é$","options":"im"}})");
    CHECK(relaxed["db_pointer"].dump() ==
          R"({"$dbPointer":{"$ref":"db.c","$id":{"$oid":"0102030405060708090a0b0c"}}})");
    CHECK(relaxed["code"].dump() == R"~({"$code":"f()"})~");
    CHECK(relaxed["code_with_scope"].dump() == R"~({"$code":"g()","$scope":{"s":"t"}})~");
    CHECK(relaxed["symbol"].dump() == R"({"$symbol":"sym"})");
    CHECK(relaxed["min_key"].dump() == R"({"$minKey":1})");
    CHECK(relaxed["max_key"].dump() == R"({"$maxKey":1})");
    CHECK(relaxed["binary"] == json::binary({7, 8, 9}, 0x80));
    CHECK(canonical["float64"].dump() == R"({"$numberDouble":"1.5"})");
    CHECK(canonical["int32"].dump() == R"({"$numberInt":"-2"})");
    CHECK(canonical["int64"].dump() == R"({"$numberLong":"5"})");
    CHECK(canonical["datetime"].dump() == R"({"$date":{"$numberLong":"1356351330501"}})");
}

TEST_CASE("to_text gives text for what JSON cannot hold") {
    CHECK(bson::to_text(json{{"b", json::binary({1, 2, 3}, 5)}}) ==
          R"({"b":{"$binary":{"base64":"AQID","subType":"05"}}})");
    CHECK(bson::to_text(json{1, std::nan(""), "a\xff"}) ==
          "[1,{\"$numberDouble\":\"NaN\"},\"a\xef\xbf\xbd\"]");
    CHECK(bson::to_text(json{1, 5000000000, -1, 2.0, 0xffffffffu}, json_mode::canonical) ==
          R"([{"$numberInt":"1"},{"$numberLong":"5000000000"},{"$numberInt":"-1"},)"
          R"({"$numberDouble":"2.0"},{"$numberLong":"4294967295"}])");
    for (auto* fixed : {R"({"$timestamp":{"t":1,"i":2}})", R"({"$minKey":1})", R"({"$maxKey":1})"})
        CHECK(bson::to_text(json::parse(fixed), json_mode::canonical) == fixed);
}

TEST_CASE("a plain integer becomes int32 where it fits, int64 else") {
    CHECK(value_of("2147483647").t == type::int32);
    CHECK(value_of("-2147483648").t == type::int32);
    CHECK(value_of("2147483648").t == type::int64);
    CHECK(value_of("-2147483649").t == type::int64);
    CHECK(value_of("9223372036854775807").t == type::int64);
    CHECK(value_of("5.0").t == type::float64);
    CHECK(value_of(R"({"$numberLong": "5"})").t == type::int64);
    CHECK(error_of("9223372036854775808") == "9223372036854775808 exceeds int64");
}

TEST_CASE("doubles that are no JSON numbers keep their wrapper in relaxed mode") {
    for (auto* name : {"NaN", "Infinity", "-Infinity"}) {
        auto text = std::string(R"({"$numberDouble":")") + name + R"("})";
        auto v = value_of(text);
        CHECK(v.t == type::float64);
        CHECK(bson::to_text(v) == text);
    }
    CHECK(std::signbit(bson::value_view(value_of(R"({"$numberDouble":"-0.0"})")).as_double()));
    for (double d : {0.1, 1e308, 5e-324, -0.0, 1.7976931348623157e308, 12345678901234567.0}) {
        auto v = bson::to_value(d);
        CHECK(value_of(bson::to_text(v, json_mode::canonical)) == v);
        CHECK(value_of(bson::to_text(v)) == v);
    }
}

TEST_CASE("dates are text from 1970 to 9999 and milliseconds outside") {
    auto text = [](std::int64_t ms) {
        auto v = bson::value(
            bson::value_view{type::datetime, number(static_cast<std::uint64_t>(ms), 8)});
        CHECK(value_of(bson::to_text(v)) == v);
        return bson::to_text(v);
    };
    CHECK(text(0) == R"({"$date":"1970-01-01T00:00:00Z"})");
    CHECK(text(1) == R"({"$date":"1970-01-01T00:00:00.001Z"})");
    CHECK(text(-1) == R"({"$date":{"$numberLong":"-1"}})");
    CHECK(text(253402300799999) == R"({"$date":"9999-12-31T23:59:59.999Z"})");
    CHECK(text(253402300800000) == R"({"$date":{"$numberLong":"253402300800000"}})");
    CHECK(text(951782400000) == R"({"$date":"2000-02-29T00:00:00Z"})");
    auto same = [](const char* a, const char* b) {
        return bson::to_value(json{{"$date", a}}) == bson::to_value(json{{"$date", b}});
    };
    CHECK(same("2012-12-24T13:15:30.5+01:00", "2012-12-24T12:15:30.500Z"));
    CHECK(same("2012-12-24T08:45:30.501-0330", "2012-12-24T12:15:30.501Z"));
    CHECK(same("2012-12-24t12:15:30z", "2012-12-24T12:15:30Z"));
    CHECK(same("1969-12-31T23:59:59.999Z", "1969-12-31T22:59:59.999-01:00"));
}

TEST_CASE("decimal128 has the text of the specification") {
    CHECK(decimal(0x7c00000000000000, 0) == "NaN");
    CHECK(decimal(0xfc00000000000000, 0) == "NaN");
    CHECK(decimal(0x7e00000000000000, 0) == "NaN");
    CHECK(decimal(0x7800000000000000, 0) == "Infinity");
    CHECK(decimal(0xf800000000000000, 0) == "-Infinity");
    CHECK(decimal(0x3040000000000000, 1) == "1");
    CHECK(decimal(0xb040000000000000, 0) == "-0");
    CHECK(decimal(0x3034000000000000, 0x4d2) == "0.001234");
    CHECK(decimal(0x2ffc3cde6fff9732, 0xde825cd07e96aff2) ==
          "0.1234567890123456789012345678901234");
    CHECK(decimal(0x5ffe314dc6448d93, 0x38c15b0a00000000) ==
          "1.000000000000000000000000000000000E+6144");
    CHECK(decimal(0x5fffed09bead87c0, 0x378d8e63ffffffff) ==
          "9.999999999999999999999999999999999E+6144");
    CHECK(decimal(0x0000000000000000, 1) == "1E-6176");
    CHECK(decimal(0x3046000000000000, 1) == "1E+3");
    CHECK(decimal(0x3050000000000000, 0x69) == "1.05E+10");
    CHECK(decimal(0x3032000000000000, 1) == "1E-7");
    CHECK(decimal(0x3034000000000000, 1) == "0.000001");
    CHECK(decimal(0x3052000000000000, 0) == "0E+9");
    CHECK(decimal(0x302e000000000000, 0) == "0E-9");
    CHECK(decimal(0x3036000000000000, 0) == "0.00000");
    // Coefficients above 34 digits, in both forms, are read as zero.
    CHECK(decimal(0x6c10000000000000, 0) == "0");
    CHECK(decimal(0x3041ed09bead87c0, 0x378d8e6400000000) == "0");
}

// From MongoDB's BSON corpus, decimal128-1.json: the bytes as they stand in a document.
TEST_CASE("decimal128 agrees with the BSON corpus both ways") {
    struct vector {
        const char* hex;
        const char* text;
    };
    for (auto [hex, text] : {
             vector{"F2AF967ED05C82DE3297FF6FDE3CF22F",
                    "0.000001234567890123456789012345678901234"},
             {"D2040000000000000000000000003430", "0.001234"},
             {"40EF5A07000000000000000000002A30", "0.00123400000"},
             {"01000000000000000000000000003E30", "0.1"},
             {"00000000000000000000000000003EB0", "-0.0"},
             {"D0070000000000000000000000003A30", "2.000"},
             {"F2AF967ED05C82DE3297FF6FDE3C4030", "1234567890123456789012345678901234"},
             {"FFFFFFFF638E8D37C087ADBE09ED0100", "9.999999999999999999999999999999999E-6143"},
             {"01000000000000000000000000000080", "-1E-6176"},
             {"F2AF967ED05C82DE3297FF6FDE3CF02F", "1.234567890123456789012345678901234E-7"},
             {"64000000000000000000000000002CB0", "-1.00E-8"},
             {"0000000000000000000000000000205F", "0E+6000"},
             {"00000000000000000000000000007A2B", "0E-611"},
             {"1A040000000000000000000000004230", "1.050E+4"},
             {"69000000000000000000000000004230", "1.05E+3"},
             {"FFFFFFFFFFFFFFFFFFFFFFFFFFFF4030", "5192296858534827628530496329220095"},
             {"000000000A5BC138938D44C64D31FE5F", "1.000000000000000000000000000000000E+6144"},
             {"FFFFFFFF638E8D37C087ADBE09EDFF5F", "9.999999999999999999999999999999999E+6144"},
         }) {
        raw bytes;
        for (std::string_view rest = hex; !rest.empty(); rest.remove_prefix(2))
            bytes.push_back(
                static_cast<std::uint8_t>(std::stoi(std::string(rest, 0, 2), nullptr, 16)));
        CHECK(decimal_bytes(text) == bytes);
        CHECK(bson::to_json({type::decimal128, bytes})["$numberDecimal"] == text);
    }
    CHECK(decimal(0xec1000000000efbe, 0xadde1032547698ba) == "-0");
    CHECK(decimal(0x6c11ffffffffffff, 0xffffffffffffffff) == "0E+3");
    CHECK(decimal_bytes("-100E-10") == decimal_bytes("-1.00E-8"));
    CHECK(decimal_bytes("12345689012345789012345E+12") ==
          decimal_bytes("1.2345689012345789012345E+34"));
    CHECK(decimal_bytes("." + std::string(998, '0') + "1") == decimal_bytes("1E-999"));
}

TEST_CASE("the text of a decimal128 becomes its bytes again") {
    auto bytes = [](std::uint64_t high, std::uint64_t low) {
        return number(low, 8) + number(high, 8);
    };
    CHECK(decimal_bytes("NaN") == bytes(0x7c00000000000000, 0));
    CHECK(decimal_bytes("-inFinity") == bytes(0xf800000000000000, 0));
    CHECK(decimal_bytes("+1") == bytes(0x3040000000000000, 1));
    CHECK(decimal_bytes(".5") == bytes(0x303e000000000000, 5));
    CHECK(decimal_bytes("5.") == bytes(0x3040000000000000, 5));
    CHECK(decimal_bytes("1.50") == bytes(0x303c000000000000, 150));
    CHECK(decimal_bytes("1E3") == bytes(0x3046000000000000, 1));
    CHECK(decimal_bytes("-1e-6176") == bytes(0x8000000000000000, 1));
    CHECK(decimal_bytes("10E-6177") == bytes(0, 1));
    CHECK(decimal_bytes("1E6112") == bytes(0x5ffe000000000000, 10));
    CHECK(decimal_bytes("0E+99999999999") == bytes(0x5ffe000000000000, 0));
    CHECK(decimal_bytes("-0E-99999999999") == bytes(0x8000000000000000, 0));
    CHECK(decimal_bytes("0E+9999") == bytes(0x5ffe000000000000, 0));
    CHECK(decimal_bytes("-0E-9999") == bytes(0x8000000000000000, 0));
    CHECK(decimal_bytes("1" + std::string(40, '0')) ==
          decimal_bytes("1" + std::string(33, '0') + "E+7"));
    for (auto* bad : {"",
                      "-",
                      ".",
                      "e1",
                      "1e",
                      "1e+",
                      "1e+-1",
                      "1..2",
                      "1 ",
                      " 1",
                      "0x1",
                      "Infinit",
                      "nan1",
                      "1E6145",
                      "1E-6177",
                      "12345678901234567890123456789012345",
                      "1E99999999999",
                      "1e1.5",
                      "--1",
                      "1,5"}) {
        CAPTURE(bad);
        CHECK(decimal_bytes(bad).empty());
    }
    std::mt19937_64 random(3);
    for (int i = 0; i < 5000; ++i) {
        // Every coefficient below 2^112 is canonical.
        auto high = (random() & 0x8000ffffffffffff) | (random() % 12287) << 49;
        auto low = random() >> (random() % 64);
        if (i % 2) high &= ~0x1ffffffffffffull;
        auto text = decimal(high, low);
        CAPTURE(text);
        REQUIRE(decimal_bytes(text) == bytes(high, low));
    }
}

TEST_CASE("a wrapper that is not correct is an error with path and reason") {
    CHECK(error_of(R"({"a": [1, {"$oid": "12"}]})") == "a[1]: $oid needs 24 hexadecimal digits");
    CHECK(error_of(R"({"a": {"b": {"$oid": 5}}})") == "a.b: $oid needs a string");
    CHECK(error_of(R"({"$oid": "0102030405060708090a0b0c", "x": 1})") ==
          "$oid has other keys beside it");
    CHECK(error_of(R"([{"$date": "yesterday"}])") ==
          "[0]: $date is not a date such as 2020-01-31T12:00:00Z");
    for (auto* bad :
         {"2012-02-30T00:00:00Z", "2012-1-01T00:00:00Z", "2012-01-01T24:00:00Z",
          "2012-01-01T00:00:00", "2012-01-01T00:00:00.Z", "2012-01-01", "2012-01-01T00:00:00Zx",
          "2012-01-01T00:00:00.0001Z", "2012-01-01T00:00:00+24:00", ""})
        CHECK(error_of(json{{"$date", bad}}) != "");
    CHECK(error_of(R"({"$date": 5})") == "$date needs a string or $numberLong");
    CHECK(error_of(R"({"$numberInt": "2147483648"})") == "$numberInt is out of range");
    CHECK(error_of(R"({"$numberInt": "5x"})") == "$numberInt is not an integer");
    CHECK(error_of(R"({"$numberInt": 5})") == "$numberInt needs a string");
    CHECK(error_of(R"({"$numberLong": ""})") == "$numberLong is not an integer");
    CHECK(error_of(R"({"$numberDouble": "1e999"})") == "$numberDouble is not a double");
    CHECK(error_of(R"({"$numberDouble": "inf"})") == "$numberDouble is not a double");
    CHECK(error_of(R"({"$numberDecimal": "x"})") ==
          "$numberDecimal is not a number of at most 34 digits");
    CHECK(error_of(R"({"$binary": {"base64": "AQI", "subType": "00"}})") ==
          "base64 is not padded base64");
    CHECK(error_of(R"({"$binary": {"base64": "AR==", "subType": "00"}})") ==
          "base64 is not padded base64");
    CHECK(error_of(R"({"$binary": {"base64": "AQ==", "subType": "100"}})") ==
          "subType needs two hexadecimal digits");
    CHECK(error_of(R"({"$binary": {"base64": "AQ=="}})") ==
          "$binary needs exactly base64 and subType");
    CHECK(error_of(R"({"$uuid": "x"})") == "$uuid is not a UUID");
    CHECK(error_of(R"({"$regularExpression": {"pattern": "a"}})") ==
          "$regularExpression needs exactly pattern and options");
    CHECK(error_of(R"({"$regularExpression": {"pattern": "a\u0000", "options": ""}})") ==
          "a regular expression holds a NUL character");
    CHECK(error_of(R"({"$timestamp": {"t": -1, "i": 1}})") ==
          "$timestamp needs t and i from 0 to 4294967295");
    CHECK(error_of(R"({"$timestamp": {"t": 1, "i": 4294967296}})") ==
          "$timestamp needs t and i from 0 to 4294967295");
    CHECK(error_of(R"({"$code": "a", "$scope": 5})") == "$scope needs an object");
    CHECK(error_of(R"({"$code": "a", "x": 5})") == "$code needs exactly $code and $scope");
    CHECK(error_of(R"({"$dbPointer": {"$ref": "a", "$id": "x"}})") ==
          "$dbPointer needs an $oid as its $id");
    CHECK(error_of(R"({"$undefined": false})") == "$undefined needs true");
    CHECK(error_of(R"({"$minKey": 2})") == "$minKey needs 1");
    CHECK(error_of(R"({"$maxKey": true})") == "$maxKey needs 1");
}

TEST_CASE("what only resembles a wrapper stays a document") {
    for (auto* plain :
         {R"({"$gt":5})", R"({"$ref":"a","$id":5})", R"({"$ref":1,"$db":2})", R"({"$id":{}})",
          R"({"$type":"string"})", R"({"$":1})", R"({"$regex":"a","$options":"i"})"}) {
        CHECK(value_of(plain).t == type::document);
        CHECK(text_of(plain) == plain);
    }
    CHECK(value_of(R"({"$scope": {}, "$code": "f"})").t == type::code_with_scope);
    // The document itself is never a wrapper.
    CHECK(fault_of(back(json{{"$minKey", 1}})) == "");
    CHECK(bson::to_text(view(back(json{{"$oid", 5}, {"a", 1}}))) == R"({"$oid":5,"a":1})");
    auto uuid = value_of(R"({"$uuid": "00112233-4455-6677-8899-aabbccddeeff"})");
    CHECK(bson::to_text(uuid) ==
          R"({"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}})");
}

TEST_CASE("the key of a wrapper asks for one wherever it stands") {
    CHECK(error_of(R"({"a": {"b": 1, "$oid": "x"}})") == "a: $oid has other keys beside it");
    CHECK(error_of(R"({"$oid": "x", "$date": "x"})") == "$oid has other keys beside it");
    CHECK(error_of(R"({"$scope": {}})") == "$code needs exactly $code and $scope");
    CHECK(error_of(R"({"x": 1, "$scope": {}, "$code": ""})") ==
          "$code needs exactly $code and $scope");
    CHECK(error_of(R"({"$code": "", "$scope": {"a": {"$minKey": 0}}})") ==
          "$scope.a: $minKey needs 1");
    CHECK(error_of(R"({"$minKey": 1.0})") == "$minKey needs 1");
    // The form of version 1; who means it cannot be told from a query by $type.
    CHECK(error_of(R"({"$binary": "AQI=", "$type": "00"})") == "$binary has other keys beside it");
}

TEST_CASE("the options of a regular expression come in alphabetical order, both ways") {
    auto sorted = value_of(R"({"$regularExpression": {"pattern": "b/a", "options": "xmi"}})");
    CHECK(sorted == value_of(R"({"$regularExpression": {"options": "imx", "pattern": "b/a"}})"));
    auto data = cstring("b/a") + cstring("xim");
    bson::value_view old{type::regex, data};
    auto text = R"({"$regularExpression":{"pattern":"b/a","options":"imx"}})";
    CHECK(bson::to_text(old) == text);
    CHECK(bson::to_json(old).dump() == text);
    auto strange = value_of(R"({"$regularExpression": {"pattern": "", "options": "zéa"}})");
    CHECK(bson::to_text(strange).find("zéa") != std::string::npos);
}

TEST_CASE("doubles have the shortest text that is theirs") {
    for (auto [d, text] : {std::pair{1.0, "1.0"},
                           {-0.0, "-0.0"},
                           {100000.0, "100000.0"},
                           {1e15, "1000000000000000.0"},
                           {1e16, "1E+16"},
                           {-1.25e-6, "-0.00000125"},
                           {1e-7, "1E-7"},
                           {7.6543210987654e19, "7.6543210987654E+19"},
                           {5e-324, "5E-324"}}) {
        CHECK(bson::to_text(bson::to_value(d)) == text);
        CHECK(bson::to_text(bson::to_value(d), json_mode::canonical) ==
              R"({"$numberDouble":")" + std::string(text) + R"("})");
        CHECK(value_of(text) == bson::to_value(d));
    }
}

TEST_CASE("the text of BSON is the text of its JSON") {
    auto strings = document({element(0x02, "\"\\\x01\n\x7f/é", string("\b\f\n\r\t\x1f\"\\/€"))});
    for (auto& d :
         {all_types(), strings, document({}), document({element(0x04, "", document({}))})})
        for (auto mode : {json_mode::relaxed, json_mode::canonical})
            CHECK(bson::to_text(view(d), mode) ==
                  bson::to_text(bson::to_json(view(d), mode), json_mode::relaxed));
    // Bytes that nobody validated do no harm.
    auto data = string("a\xff");
    CHECK(bson::to_text(bson::value_view{type::string, data}) == "\"a\xef\xbf\xbd\"");
}

TEST_CASE("what BSON cannot hold is an error") {
    CHECK(error_of(json{{"a", "\xff"}}) == "a: a string is not UTF-8");
    CHECK(error_of(json{{"\xff", 1}}) == "a key is not UTF-8");
    CHECK(error_of(json{{"a", {{std::string("b\0", 2), 1}}}}) == "a: a key holds a NUL character");
    CHECK(error_of(json(json::value_t::discarded)) == "not a JSON value");
    CHECK(error_of(json::binary({1}, 256)) == "a binary subtype exceeds 255");
    oocrpc::byte_buffer out;
    CHECK_THROWS_WITH_AS(bson::put_document(out, json::array()),
                         "invalid_argument: expected an object, got array", oocrpc::rpc_error);
}

TEST_CASE("JSON nested 100 deep is taken, 101 is not") {
    for (auto [open, inside, close] : {std::tuple{"[", "[]", "]"},
                                       {R"({"a":)", "{}", "}"},
                                       {R"({"$code":"","$scope":{"a":)", "1", "}}"}}) {
        auto nested = [&, open = open, inside = inside, close = close](int depth) {
            std::string text;
            for (int i = 1; i < depth; ++i) text += open;
            text += inside;
            for (int i = 1; i < depth; ++i) text += close;
            return json::parse(text);
        };
        // A scope is one document; its innermost value here is a number.
        auto extra = std::string_view(inside) == "1" ? 1 : 0;
        CHECK(error_of(nested(100 + extra)) == "");
        CHECK(error_of(nested(101 + extra)).ends_with("nested more than 100 deep"));
        auto v = bson::to_value(nested(99 + extra));
        CHECK(bson::to_value(bson::to_json(v)) == v);
        CHECK(fault_of(back(json{{"x", bson::to_json(v)}})) == "");
    }
}

TEST_CASE("a key that comes twice is not dropped, and many keys take linear time") {
    auto d = document({element(0x10, "a", number(1, 4)), element(0x10, "a", number(2, 4))});
    CHECK(back(bson::to_json(view(d))) == d);
    oocrpc::byte_buffer out;
    bson::document_writer writer(out);
    for (int i = 0; i < 200000; ++i) writer.add(std::to_string(i), nullptr);
    writer.finish();
    CHECK(bson::to_json({type::document, out}).size() == 200000);
}

TEST_SUITE_END();
