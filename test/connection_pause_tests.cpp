#include "support/link.hpp"
#include "support/run.hpp"
#include "support/scripted_peer.hpp"
#include "support/spawned.hpp"

#include <oocrpc/service.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::byte_peer;

namespace {

constexpr method<int(int)> wait_for{"demo.wait", {"ms"}};
constexpr method<void()> nothing{"demo.nothing"};

service sleeper() {
    service demo("demo");
    demo.on(wait_for, [](int ms) -> awaitable<int> {
        co_await sleep_for(std::chrono::milliseconds(ms));
        co_return ms;
    });
    demo.on(nothing, [] {});
    return demo;
}

std::shared_ptr<connection> serve(std::unique_ptr<byte_stream> bytes, const service& s) {
    return connection::start(std::move(bytes), std::make_unique<native_codec>(),
                             std::make_shared<const handler>(s));
}

std::size_t count(const std::string& text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
}

std::string calls(int n, int ms) {
    const auto one = test::frame(R"({"call": {"funcname": "demo.wait", "arguments": [)" +
                                 std::to_string(ms) + "]}}");
    std::string all;
    for (int i = 0; i < n; ++i) all += one;
    return all;
}

} // namespace

TEST_SUITE("connection") {

TEST_CASE("a peer without ids may pipeline more calls than may run at once, and none is refused") {
    test::run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto callee = serve(std::move(there), sleeper());
        byte_peer base(std::move(here));
        auto writing = [&]() -> awaitable<void> { co_await base.write(calls(5000, 10)); };
        test::spawned writer(ex, writing());
        std::string answers;
        while (count(answers, "reply") < 5000) answers += co_await base.read();
        CHECK(count(answers, "overloaded") == 0);
        base.stream().close();
        co_await sleep_for(1ms);
    });
}

TEST_CASE("a peer without ids that hangs up while it is read from no more cancels its calls") {
    test::run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto callee = serve(std::move(there), sleeper());
        byte_peer base(std::move(here));
        auto writing = [&]() -> awaitable<void> { co_await base.write(calls(5000, 100'000)); };
        test::spawned writer(ex, writing());
        co_await sleep_for(10ms);
        CHECK(callee->running() == 1024);
        base.stream().close();
        co_await sleep_for(200ms);
        CHECK(callee->running() == 0);
        CHECK(callee->closed());
    });
}

TEST_CASE("any number of one-way calls leaves room for the next call") {
    test::run([]() -> awaitable<void> {
        test::link link(co_await this_coro::executor, sleeper());
        auto db = link.db();
        for (int i = 0; i < 70'000; ++i) co_await db.notify(nothing);
        CHECK(co_await db.call(wait_for, 1) == 1);
    });
}

} // TEST_SUITE("connection")
