#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include <oocrpc/option.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;

TEST_SUITE("option") {

namespace {
template <class F> std::string refusal(F parse, std::string_view text) {
    try {
        parse(text);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "accepted";
}
} // namespace

TEST_CASE("a duration is a number and a unit") {
    CHECK(parse_duration("500ms") == 500ms);
    CHECK(parse_duration("2s") == 2s);
    CHECK(parse_duration("1.5s") == 1500ms);
    CHECK(parse_duration("5m") == 5min);
    CHECK(parse_duration("1h") == 1h);
    CHECK(parse_duration("0") == 0ms);
}

TEST_CASE("what is no duration is refused with a reason that quotes it") {
    for (const char* bad : {"", "s", "5", "-1s", "5 s", "5sec", "1e3s", "nan", "infs", "ms5"}) {
        CAPTURE(bad);
        CHECK(refusal(parse_duration, bad) ==
              "'" + std::string(bad) +
                  "' is no duration: expected a number and ms, s, m or h, such as 500ms");
    }
    CHECK(refusal(parse_duration, "99999999999999h") == "'99999999999999h' is no duration: too "
                                                        "large");
}

TEST_CASE("a size is a number of bytes, or one with a unit") {
    CHECK(parse_size("4096") == 4096);
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("10B") == 10);
    CHECK(parse_size("64KiB") == 65536);
    CHECK(parse_size("64MiB") == 64u << 20);
    CHECK(parse_size("1.5GiB") == 1'610'612'736u);
    CHECK(parse_size("2kB") == 2000);
    CHECK(parse_size("3MB") == 3'000'000);
    CHECK(parse_size("4GB") == 4'000'000'000u);
}

TEST_CASE("what is no size is refused with a reason that quotes it") {
    for (const char* bad : {"", "MiB", "-1", "1 MiB", "1mib", "0x10", "1TB"}) {
        CAPTURE(bad);
        CHECK(refusal(parse_size, bad).starts_with("'" + std::string(bad) + "' is no size: exp"));
    }
    CHECK(refusal(parse_size, "99999999999GiB") == "'99999999999GiB' is no size: too large");
}

namespace {

std::string why_not_even(std::string_view text) {
    return text.back() % 2 == 0 ? "" : "'" + std::string(text) + "' is odd";
}

constexpr option table[] = {
    {.name = "name", .help = "who", .required = true},
    {.name = "loud", .type = option_type::flag, .help = "shout"},
    {.name = "count",
     .type = option_type::integer,
     .help = "how often",
     .fallback = "3",
     .least = 1,
     .most = 10},
    {.name = "ratio", .type = option_type::number, .help = "how much", .most = 1},
    {.name = "pause",
     .type = option_type::duration,
     .help = "between two",
     .fallback = "250ms",
     .least = 0.001},
    {.name = "memory", .type = option_type::size, .help = "at most", .least = 1024},
    {.name = "listen", .type = option_type::url, .help = "where", .repeated = true},
    {.name = "at", .type = option_type::address, .help = "where else"},
    {.name = "log", .type = option_type::file, .help = "where to write"},
    {.name = "format", .help = "how", .fallback = "text", .choices = "text|json"},
    {.name = "even", .type = option_type::integer, .help = "a number", .check = why_not_even},
};

const option& named(std::string_view name) {
    for (const auto& o : table)
        if (o.name == name) return o;
    throw std::out_of_range("no such option");
}

std::string why(std::string_view name, std::string_view value) {
    return why_invalid(named(name), value);
}

} // namespace

TEST_CASE("a value of its option's type is valid") {
    CHECK(why("name", "") == "");
    CHECK(why("loud", "true") == "");
    CHECK(why("count", "10") == "");
    CHECK(why("ratio", "-0.5") == "");
    CHECK(why("pause", "0.25") == "");
    CHECK(why("memory", "1KiB") == "");
    CHECK(why("listen", "oocrpc+unix:///run/x") == "");
    CHECK(why("at", "[::1]:80") == "");
    CHECK(why("format", "json") == "");
    CHECK(why("even", "4") == "");
}

TEST_CASE("a value of another type is quoted, with what was expected") {
    CHECK(why("loud", "yes") == "'yes': expected true or false");
    CHECK(why("count", "1.5") == "'1.5': expected a whole number");
    CHECK(why("count", "") == "'': expected a whole number");
    CHECK(why("count", "99999999999999999999") ==
          "'99999999999999999999': expected a whole number");
    CHECK(why("ratio", "nan") == "'nan': expected a number");
    CHECK(why("pause", "soon").starts_with("'soon' is no duration"));
    CHECK(why("memory", "9 apples").starts_with("'9 apples' is no size"));
    CHECK(why("listen", "nowhere").starts_with("'nowhere': not a URL"));
    CHECK(why("at", "1") == "'1': a port is missing (host:port)");
    CHECK(why("log", "") == "'': expected a path");
}

TEST_CASE("a value out of range is told the range, in seconds and bytes") {
    CHECK(why("count", "0") == "'0': expected from 1 to 10");
    CHECK(why("count", "11") == "'11': expected from 1 to 10");
    CHECK(why("ratio", "1.5") == "'1.5': expected at most 1");
    CHECK(why("pause", "0") == "'0': expected at least 0.001 s");
    CHECK(why("memory", "1") == "'1': expected at least 1024");
}

TEST_CASE("choices and checks of an option's own are asked as well") {
    CHECK(why("format", "yaml") == "'yaml': expected one of text, json");
    CHECK(why("format", "tex") == "'tex': expected one of text, json");
    CHECK(why("format", "") == "'': expected one of text, json");
    CHECK(why("even", "3") == "'3' is odd");
}

TEST_CASE("values are their defaults until they are set") {
    option_values v(table);
    CHECK(v.integer("count") == 3);
    CHECK(v.duration("pause") == 250ms);
    CHECK_FALSE(v.flag("loud"));
    CHECK(v.text("name") == "");
    CHECK(v.texts("listen").empty());
    CHECK_FALSE(v.has("name"));
    CHECK(v.has("count"));
    CHECK_FALSE(v.given("count"));
    CHECK(v.source("count") == "default");

    v.set("count", {"7"}, "command line");
    CHECK(v.integer("count") == 7);
    CHECK(v.given("count"));
    CHECK(v.source("count") == "command line");
}

TEST_CASE("values are read by their type") {
    option_values v(table);
    v.set("loud", {"true"}, "test");
    v.set("ratio", {"0.5"}, "test");
    v.set("pause", {"2"}, "test");
    v.set("memory", {"2KiB"}, "test");
    v.set("listen", {"oocrpc://a:1", "oocrpc://b:2"}, "test");
    CHECK(v.flag("loud"));
    CHECK(v.number("ratio") == 0.5);
    CHECK(v.duration("pause") == 2s);
    CHECK(v.size("memory") == 2048);
    CHECK(v.texts("listen") == std::vector<std::string>{"oocrpc://a:1", "oocrpc://b:2"});
    CHECK(v.text("listen") == "oocrpc://a:1");
}

TEST_CASE("a value that is not valid is refused by name and changes nothing") {
    option_values v(table);
    CHECK_THROWS_WITH_AS(v.set("count", {"0"}, "test"), "count: '0': expected from 1 to 10",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(v.set("count", {"1", "2"}, "test"), "count: expected one value",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(v.set("count", {}, "test"), "count: expected one value",
                         std::invalid_argument);
    CHECK_THROWS_AS(v.set("listen", {"oocrpc://a:1", "b"}, "test"), std::invalid_argument);
    CHECK_FALSE(v.given("count"));
    CHECK_FALSE(v.given("listen"));
}

TEST_CASE("a name that is not in the table is a mistake of the program") {
    option_values v(table);
    CHECK_THROWS_AS(v.text("colour"), std::out_of_range);
    CHECK_THROWS_AS(v.set("colour", {"red"}, "test"), std::out_of_range);
}

TEST_CASE("what is required and has no value is missing") {
    option_values v(table);
    REQUIRE(v.missing().size() == 1);
    CHECK(v.missing()[0]->name == "name");
    v.set("name", {"somebody"}, "test");
    CHECK(v.missing().empty());
}

TEST_CASE("the same values from different places are the same") {
    option_values a(table), b(table);
    CHECK(a.same_values(b));
    a.set("count", {"3"}, "command line");
    CHECK(a.same_values(b));
    a.set("count", {"4"}, "command line");
    CHECK_FALSE(a.same_values(b));
    CHECK_FALSE(a.same_values(option_values()));
}

} // TEST_SUITE("option")
