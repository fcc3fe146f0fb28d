#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/promise.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::spawned;
using test::stuck;

TEST_SUITE("run") {

TEST_CASE("what the coroutine of a case throws fails the case") {
    auto thrower = []() -> awaitable<void> {
        co_await sleep_for(1s);
        throw std::runtime_error("boom");
    };
    CHECK_THROWS_WITH_AS(run(thrower), "boom", std::runtime_error);
}

TEST_CASE("a case that goes beyond the limit of virtual time fails") {
    auto sleeper = []() -> awaitable<void> {
        for (;;) co_await sleep_for(1s);
    };
    CHECK_THROWS_AS(run(sleeper), stuck);
}

TEST_CASE("a case that nothing can resume any more fails") {
    auto waiter = []() -> awaitable<void> {
        promise<void> never;
        co_await never.wait();
    };
    CHECK_THROWS_AS(run(waiter), stuck);
}

TEST_CASE("a case that leaves a timer or a coroutine behind fails") {
    spawned sleeping, waiting;
    auto leaves_timer = [&]() -> awaitable<void> {
        sleeping.start(co_await this_coro::executor, sleep_for(1s));
    };
    CHECK_THROWS_WITH_AS(run(leaves_timer), "a timer was left armed", stuck);
    promise<void> never;
    auto leaves_work = [&]() -> awaitable<void> {
        waiting.start(co_await this_coro::executor, never.wait());
    };
    CHECK_THROWS_WITH_AS(run(leaves_work), "work was left in the loop", stuck);
}

} // TEST_SUITE("run")
