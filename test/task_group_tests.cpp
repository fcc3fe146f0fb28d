#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::settle;
using test::spawned;
using test::unhandled_log;
using test::what;

namespace {

using log = std::vector<std::string>;

awaitable<void> failing(duration delay, std::string text) {
    co_await sleep_for(delay);
    throw std::runtime_error(text);
}

/// Cleans up for three seconds when it is cancelled, and then fails if there is a text.
awaitable<void> slow_to_stop(bool& cleaned, std::string text = {}) {
    try {
        co_await sleep_for(60s);
    } catch (const rpc_error&) {
    }
    co_await this_coro::reset_cancellation_state();
    co_await sleep_for(3s);
    cleaned = true;
    if (!text.empty()) throw std::runtime_error(text);
}

awaitable<void> count_up(int& count) {
    co_await sleep_for(1s);
    ++count;
}

} // namespace

TEST_SUITE("task_group") {

TEST_CASE("join waits for all tasks, also for those that are spawned meanwhile") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto start = time.now();
        task_group group(ex);
        int count = 0;
        auto spawner = [&]() -> awaitable<void> {
            co_await sleep_for(5s);
            group.spawn(count_up(count));
        };
        group.spawn(count_up(count));
        group.spawn(spawner());
        CHECK(group.size() == 2);
        co_await group.join();
        CHECK(count == 2);
        CHECK(group.empty());
        CHECK(time.now() - start == 6s);
    });
}

TEST_CASE("joining an empty group returns at once") {
    run([]() -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        co_await group.join();
        auto nothing = []() -> awaitable<void> { co_return; };
        group.spawn(nothing());
        co_await group.join();
        CHECK(group.empty());
    });
}

TEST_CASE("the first error cancels the rest, waits for it and is thrown by join") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        auto start = time.now();
        bool cleaned = false;
        group.spawn(slow_to_stop(cleaned));
        group.spawn(sleep_for(60s));
        group.spawn(failing(1s, "boom"));
        CHECK_THROWS_WITH_AS(co_await group.join(), "boom", std::runtime_error);
        CHECK(cleaned);
        CHECK(group.empty());
        CHECK(time.now() - start == 4s);
    });
}

TEST_CASE("an error before join is kept for it, and a group can be used again after join") {
    run([]() -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        group.spawn(failing(1s, "early"));
        group.spawn(sleep_for(60s));
        co_await sleep_for(2s);
        CHECK(group.empty());
        CHECK_THROWS_WITH(co_await group.join(), "early");
        int count = 0;
        group.spawn(count_up(count));
        co_await group.join();
        CHECK(count == 1);
    });
}

TEST_CASE("errors after the first go to on_unhandled, cancellations do not") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        bool cleaned = false;
        group.spawn(slow_to_stop(cleaned, "second"));
        group.spawn(sleep_for(60s));
        group.spawn(failing(1s, "first"));
        CHECK_THROWS_WITH(co_await group.join(), "first");
    });
    CHECK(unhandled.errors() == log{"second"});
}

TEST_CASE("a task that ends with a cancellation of its own is an error of the group") {
    run([]() -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        auto task = []() -> awaitable<void> {
            co_await sleep_for(1s);
            throw rpc_error(errc::cancelled, "by the peer");
        };
        group.spawn(task());
        CHECK_THROWS_WITH(co_await group.join(), "cancelled: by the peer");
    });
}

TEST_CASE("cancel stops all tasks at once, and join then succeeds") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        auto start = time.now();
        for (int i = 0; i < 100; ++i) group.spawn(sleep_for(60s));
        CHECK(time.armed() == 100);
        group.cancel();
        CHECK(time.armed() == 0);
        co_await group.join();
        CHECK(time.now() == start);
        CHECK(group.empty());
    });
}

TEST_CASE("a task spawned into a cancelled group is cancelled where it first suspends") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        auto start = time.now();
        group.spawn(sleep_for(60s));
        group.cancel();
        bool started = false;
        auto late = [&]() -> awaitable<void> {
            started = true;
            co_await sleep_for(60s);
        };
        group.spawn(late());
        co_await group.join();
        CHECK(started);
        CHECK(time.now() == start);
    });
}

TEST_CASE("a task may cancel its own group") {
    run([]() -> awaitable<void> {
        task_group group(co_await this_coro::executor);
        auto task = [&group]() -> awaitable<void> {
            co_await sleep_for(1s);
            group.cancel();
            co_await sleep_for(60s);
            FAIL("it was cancelled");
        };
        group.spawn(task());
        group.spawn(sleep_for(60s));
        co_await group.join();
    });
}

TEST_CASE("cancelling the coroutine in join cancels the tasks and waits for them") {
    unhandled_log unhandled;
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        task_group group(ex);
        bool cleaned = false;
        group.spawn(slow_to_stop(cleaned));
        group.spawn(sleep_for(60s));
        spawned joiner(ex, group.join());
        joiner.cancel();
        co_await settle();
        CHECK(group.size() == 1);
        CHECK_FALSE(joiner.done);
        co_await sleep_for(4s);
        CHECK(joiner.done);
        CHECK(is_cancelled(joiner.error));
        CHECK_THROWS_AS(std::rethrow_exception(joiner.error), rpc_error);
        CHECK(cleaned);
        CHECK(time.armed() == 0);
    });
    CHECK(unhandled.errors().empty());
}

TEST_CASE("a second join at the same time throws logic_error") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        task_group group(ex);
        group.spawn(sleep_for(1s));
        spawned joiner(ex, group.join());
        CHECK_THROWS_AS(co_await group.join(), std::logic_error);
        co_await sleep_for(2s);
        CHECK(joiner.done);
    });
}

TEST_CASE("a group that is destroyed cancels its tasks, and their late errors are reported") {
    unhandled_log unhandled;
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        bool cleaned = false;
        {
            task_group group(ex);
            group.spawn(sleep_for(60s));
            group.spawn(slow_to_stop(cleaned, "late"));
        }
        CHECK(time.armed() == 0);
        co_await sleep_for(4s);
        CHECK(cleaned);
    });
    CHECK(unhandled.errors() == log{"late"});
}

TEST_CASE("an error that nobody joined for is reported when the group is destroyed") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        {
            task_group group(ex);
            group.spawn(failing(1s, "lost"));
            co_await sleep_for(2s);
        }
    });
    CHECK(unhandled.errors() == log{"lost"});
}

TEST_CASE("a task may destroy its own group") {
    run([]() -> awaitable<void> {
        auto group = std::make_unique<task_group>(co_await this_coro::executor);
        auto task = [&group]() -> awaitable<void> {
            co_await sleep_for(1s);
            group.reset();
        };
        group->spawn(task());
        group->spawn(sleep_for(60s));
        co_await sleep_for(2s);
        CHECK(group == nullptr);
    });
}

TEST_CASE("a loop that is destroyed destroys a group, whether it is inside of a coroutine or out") {
    auto owned = std::make_shared<int>(1);
    auto io = std::make_unique<asio::io_context>();
    task_group outside(io->get_executor());
    auto sleeper = [](std::shared_ptr<int> held) -> awaitable<void> {
        co_await sleep_for(1h);
        CHECK(held == nullptr);
    };
    auto waiter = [](std::shared_ptr<int> held) -> awaitable<void> {
        promise<int> never;
        co_await never.wait();
        CHECK(held == nullptr);
    };
    auto parent = [&]() -> awaitable<void> {
        task_group inside(co_await this_coro::executor);
        inside.spawn(sleeper(owned));
        inside.spawn(waiter(owned));
        co_await inside.join();
    };
    outside.spawn(sleeper(owned));
    outside.spawn(waiter(owned));
    outside.spawn(parent());
    io->poll();
    CHECK(owned.use_count() == 5);
    io.reset();
    CHECK(owned.use_count() == 1);
    CHECK(outside.empty());
}

} // TEST_SUITE("task_group")
