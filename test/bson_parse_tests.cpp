#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>

#include "support/test.hpp"

#include <cmath>
#include <limits>
#include <sstream>

namespace bson = oocrpc::bson;
using oocrpc::json;

namespace {

bson::syntax_error error_of(std::string_view text) {
    try {
        bson::parse(text);
    } catch (const bson::syntax_error& e) {
        CHECK(e.code() == oocrpc::errc::invalid_argument);
        CHECK(e.detail() == "byte " + std::to_string(e.offset) + ": " + e.reason);
        return e;
    }
    FAIL("no error: " << text);
    return {0, ""};
}

} // namespace

TEST_SUITE_BEGIN("bson_parse");

TEST_CASE("keys keep their order, and those that come twice stay both") {
    std::string text = R"({"z":1,"a":{"k":[],"k":{}},"z":[{"q":null,"q":true}]})";
    CHECK(bson::parse(text).dump() == text);
    oocrpc::byte_buffer out;
    bson::put_document(out, bson::parse(text));
    CHECK(bson::to_text(bson::value_view{bson::type::document, out}) == text);
}

TEST_CASE("integers beyond int64 become doubles, all others stay what they are") {
    auto all = bson::parse("[0, 9223372036854775807, -9223372036854775808, 9223372036854775808,"
                           " -9223372036854775809, 1.0, -0.0, 36893488147419103232]");
    CHECK(all[0].is_number_integer());
    CHECK(all[1] == std::numeric_limits<std::int64_t>::max());
    CHECK(all[1].is_number_integer());
    CHECK(all[2] == std::numeric_limits<std::int64_t>::min());
    for (auto i : {3u, 4u, 5u, 6u, 7u}) CHECK(all[i].is_number_float());
    CHECK(all[3].get<double>() == 0x1p63);
    CHECK(all[4].get<double>() == -0x1p63);
    CHECK(std::signbit(all[6].get<double>()));
    CHECK(all[7].get<double>() == 0x1p65);
}

TEST_CASE("values of all kinds stand alone") {
    for (auto* text : {"null", "true", "-5", "2.5", R"("é\n")", "[]", "{}"})
        CHECK(bson::parse(text) == json::parse(text));
}

TEST_CASE("a syntax error has the offset of the first byte that does not fit") {
    CHECK(error_of("").offset == 0);
    CHECK(error_of("{").offset == 1);
    CHECK(error_of(R"({"a" 5})").offset == 5);
    CHECK(error_of("{}}").offset == 2);
    CHECK(error_of("[1,2").offset == 4);
    CHECK(error_of(R"(["\ud800"])").offset == 8);
    CHECK(error_of("[1e999]").reason == "number overflow parsing '1e999'");
    CHECK(error_of("\"a\xff\"").reason.find("last read: '\"a?'") != std::string::npos);
    CHECK(error_of("\"" + std::string(100000, 'x')).reason.size() < 300);
}

TEST_CASE("one value after another is read, and an error counts from where reading began") {
    std::istringstream in(R"({"a":1}{"b":[2]} {"c":)");
    CHECK(bson::parse_next(in).dump() == R"({"a":1})");
    CHECK(bson::parse_next(in).dump() == R"({"b":[2]})");
    try {
        bson::parse_next(in);
        FAIL("read");
    } catch (const bson::syntax_error& e) {
        CHECK(e.offset == 6);
    }
}

TEST_CASE("depth costs no stack") {
    const std::size_t depth = 1000000;
    auto deep = bson::parse(std::string(depth, '[') + std::string(depth, ']'));
    oocrpc::byte_buffer out;
    CHECK_THROWS_AS(bson::put(out, deep), oocrpc::rpc_error);
}

TEST_SUITE_END();
