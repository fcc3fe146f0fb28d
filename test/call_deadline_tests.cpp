#include "support/test.hpp"

#include <oocrpc/call_options.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;

TEST_SUITE("call_deadline") {

TEST_CASE("what is left is rounded up, never negative, and -1 without a deadline") {
    const auto now = std::chrono::steady_clock::now();
    const auto d = call_deadline::after(10ms, now, deadline_origin::call);
    CHECK(d.left_ms(now) == 10);
    CHECK(d.left_ms(now + 1us) == 10);
    CHECK(d.left_ms(now + 9001us) == 1);
    CHECK(d.left_ms(now + 10ms) == 0);
    CHECK(d.left_ms(now + 1h) == 0);
    CHECK(call_deadline().left_ms(now) == -1);
    CHECK(!d.passed(now + 9ms));
    CHECK(d.passed(now + 10ms));
}

TEST_CASE("a span beyond all time is a deadline that never passes") {
    const auto now = std::chrono::steady_clock::now();
    const auto d =
        call_deadline::after(std::chrono::milliseconds::max(), now, deadline_origin::caller);
    CHECK(!d.passed(now + 24h * 365 * 100));
}

TEST_CASE("the text names where the deadline came from") {
    const auto text = [](deadline_origin o) { return call_deadline::after(10ms, {}, o).text(); };
    CHECK(text(deadline_origin::by_default) == "default deadline of 10 ms passed");
    CHECK(text(deadline_origin::call) == "call deadline of 10 ms passed");
    CHECK(text(deadline_origin::inherited) == "inherited deadline of 10 ms passed");
    CHECK(text(deadline_origin::caller) == "caller's deadline of 10 ms passed");
    CHECK(text(deadline_origin::server) == "server deadline of 10 ms passed");
}

TEST_CASE("the earlier one counts, and none is later than any") {
    const auto a = call_deadline::after(10ms, {}, deadline_origin::call);
    const auto b = call_deadline::after(20ms, {}, deadline_origin::server);
    const call_deadline none;
    CHECK(earlier(a, b).origin == deadline_origin::call);
    CHECK(earlier(b, a).origin == deadline_origin::call);
    CHECK(earlier(none, b).origin == deadline_origin::server);
    CHECK(earlier(b, none).origin == deadline_origin::server);
    CHECK(!earlier(none, none));
}

TEST_CASE("what a call says comes before what it inherits, and that before the default") {
    const auto now = std::chrono::steady_clock::now();
    const auto outer = call_deadline::after(100ms, now, deadline_origin::caller);
    const auto origin = [&](const deadline& d, const call_deadline& inherited) {
        return d.resolve(now, inherited, 10s).origin;
    };
    CHECK(origin({}, {}) == deadline_origin::by_default);
    CHECK(origin({}, outer) == deadline_origin::inherited);
    CHECK(origin(50ms, outer) == deadline_origin::call);
    CHECK(origin(500ms, outer) == deadline_origin::inherited);
    CHECK(origin(50ms, {}) == deadline_origin::call);
    CHECK(origin(deadline::none(), outer) == deadline_origin::inherited);
    CHECK(origin(deadline::none(), {}) == deadline_origin::none);
}

} // TEST_SUITE("call_deadline")
