#include "support/link.hpp"
#include "support/run.hpp"

#include <oocrpc/deadline.hpp>
#include <oocrpc/service.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;

TEST_SUITE("connection") {

namespace {
constexpr method<void()> wait_long{"demo.wait"};
}

TEST_CASE("the first call of a connection is cancelled over there before anything was answered") {
    test::run([]() -> awaitable<void> {
        auto& time = oocrpc::clock::of(co_await this_coro::executor);
        const auto begun = time.now();
        std::optional<duration> stopped;
        service demo("demo");
        demo.on(wait_long, [&](context&) -> awaitable<void> {
            try {
                co_await sleep_for(9s);
            } catch (const rpc_error&) {
                stopped = time.now() - begun;
                throw;
            }
        });
        test::link link(co_await this_coro::executor, demo);
        auto db = link.db();
        auto call = db.call(wait_long);
        CHECK_THROWS_AS(co_await with_deadline(100ms, std::move(call)), rpc_error);
        co_await sleep_for(1ms);
        REQUIRE(stopped);
        CHECK(*stopped < 200ms);
    });
}

} // TEST_SUITE("connection")
