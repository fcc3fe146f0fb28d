#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include <support/parse.hpp>

using namespace oocrpc::apps;
using namespace std::chrono_literals;

TEST_SUITE("parse") {

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

} // TEST_SUITE("parse")
