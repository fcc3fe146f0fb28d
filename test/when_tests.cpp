#include "support/run.hpp"
#include "support/spawned.hpp"

#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/when.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::settle;
using test::spawned;
using test::unhandled_log;
using test::what;

namespace {

using log = std::vector<std::string>;

/// A child that gives `value` after a time.
template <class T> awaitable<T> after(duration delay, T value) {
    co_await sleep_for(delay);
    co_return value;
}

awaitable<int> failing(duration delay, std::string text) {
    co_await sleep_for(delay);
    throw std::runtime_error(text);
}

awaitable<int> failing_now(std::string text) {
    throw std::runtime_error(text);
    co_return 0;
}

/// Counts children that were stopped before they came to their end.
struct stopped {
    int& count;
    bool ended = false;
    explicit stopped(int& n) : count(n) {}
    ~stopped() { count += ended ? 0 : 1; }
};

awaitable<int> long_child(int& count) {
    stopped s(count);
    co_await sleep_for(60s);
    s.ended = true;
    co_return 0;
}

/// A child that takes a while to stop when it is cancelled.
awaitable<int> slow_to_stop(bool& cleaned) {
    bool cancelled = false;
    try {
        co_await sleep_for(60s);
    } catch (const rpc_error&) {
        cancelled = true;
    }
    CHECK(cancelled);
    co_await this_coro::reset_cancellation_state();
    co_await sleep_for(3s);
    cleaned = true;
    throw rpc_error(errc::cancelled);
}

template <class... A> std::vector<awaitable<int>> list(A... children) {
    std::vector<awaitable<int>> all;
    (all.push_back(std::move(children)), ...);
    return all;
}

} // namespace

TEST_SUITE("when") {

TEST_CASE("when_all gives the results in input order, however the children end") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        auto children = list(after(3s, 1), failing(1s, "second"), after(2s, 3));
        auto results = co_await when_all(std::move(children));
        CHECK(time.now() - start == 3s);
        REQUIRE(results.size() == 3);
        CHECK(results[0].value() == 1);
        CHECK(what(results[1].error()) == "second");
        CHECK(results[2].value() == 3);
    });
}

TEST_CASE("when_all of an empty list completes at once") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        bool ran = false;
        asio::post(io, [&ran] { ran = true; });
        auto results = co_await when_all(std::vector<awaitable<int>>());
        CHECK(results.empty());
        co_await when_all();
        CHECK_FALSE(ran);
        co_await settle();
    });
}

TEST_CASE("when_all of different types gives a tuple of results") {
    run([]() -> awaitable<void> {
        auto [number, nothing, failed, text] = co_await when_all(
            after(1s, 5), sleep_for(2s), failing(0s, "no"), after(1s, std::string("poem")));
        CHECK(number.value() == 5);
        CHECK(nothing.ok());
        CHECK(what(failed.error()) == "no");
        CHECK(text.value() == "poem");
    });
}

TEST_CASE("when_all takes children that give nothing or what does not copy") {
    run([]() -> awaitable<void> {
        std::vector<awaitable<void>> sleeps;
        for (int i = 0; i < 3; ++i) sleeps.push_back(sleep_for(1s));
        auto slept = co_await when_all(std::move(sleeps));
        CHECK(slept.size() == 3);
        std::vector<awaitable<std::unique_ptr<int>>> makers;
        makers.push_back(after(1s, std::make_unique<int>(8)));
        auto made = co_await when_all(std::move(makers));
        CHECK(*made[0].value() == 8);
    });
}

TEST_CASE("when_all runs ten thousand children at once") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        std::vector<awaitable<int>> children;
        for (int i = 0; i < 10000; ++i) children.push_back(after(1s, i));
        auto results = co_await when_all(std::move(children));
        long sum = 0;
        for (auto& r : results) sum += r.value();
        CHECK(sum == 10000L * 9999 / 2);
        CHECK(time.now() - start == 1s);
    });
}

TEST_CASE("a failure that is a result of when_all has been delivered and is not reported") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        auto children = list(failing(1s, "delivered"));
        co_await when_all(std::move(children));
    });
    CHECK(unhandled.errors().empty());
}

TEST_CASE("a cancelled when_all cancels its children, waits for them and throws cancelled") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto start = time.now();
        int count = 0;
        bool cleaned = false;
        auto all = [&]() -> awaitable<void> {
            auto children = list(long_child(count), slow_to_stop(cleaned), long_child(count));
            co_await when_all(std::move(children));
        };
        spawned group(ex, all());
        co_await sleep_for(1s);
        group.cancel();
        co_await settle();
        CHECK(count == 2);
        CHECK_FALSE(group.done); // one child still cleans up
        co_await sleep_for(4s);
        CHECK(cleaned);
        CHECK(group.done);
        CHECK(is_cancelled(group.error));
        CHECK_THROWS_AS(std::rethrow_exception(group.error), rpc_error);
        CHECK(time.now() - start == 5s);
    });
}

TEST_CASE("a child that cancels its awaiting parent before it suspends is heard") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        spawned group;
        int count = 0;
        auto canceller = [&]() -> awaitable<int> {
            group.cancel();
            co_return 1;
        };
        auto all = [&]() -> awaitable<void> {
            auto children = list(long_child(count), canceller(), long_child(count));
            co_await when_all(std::move(children));
        };
        group.start(ex, all());
        co_await settle();
        CHECK(group.done);
        CHECK(is_cancelled(group.error));
        CHECK(count == 2);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("gather gives all values in input order") {
    run([]() -> awaitable<void> {
        auto children = list(after(3s, 1), after(1s, 2));
        auto values = co_await gather(std::move(children));
        CHECK(values == std::vector<int>{1, 2});
        auto [number, nothing, text] =
            co_await gather(after(2s, 5), sleep_for(1s), after(1s, std::string("poem")));
        CHECK(number == 5);
        CHECK(nothing == std::monostate());
        CHECK(text == "poem");
        std::vector<awaitable<void>> sleeps;
        sleeps.push_back(sleep_for(1s));
        co_await gather(std::move(sleeps));
        auto none = co_await gather(std::vector<awaitable<int>>());
        CHECK(none.empty());
    });
}

TEST_CASE("gather throws the first failure with its index and its cause") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        auto children = list(after(60s, 1), failing(5s, "later"), failing(2s, "boom"));
        std::optional<first_error> error;
        try {
            co_await gather(std::move(children));
        } catch (const first_error& e) {
            error = e;
        }
        REQUIRE(error);
        CHECK(error->index() == 2);
        CHECK(what(error->cause()) == "boom");
        CHECK(std::string(error->what()) == "child 2 failed: boom");
        CHECK(time.now() - start == 2s);
        CHECK_THROWS_AS(co_await gather(sleep_for(60s), failing_now("now")), first_error);
        CHECK(time.now() - start == 2s);
    });
}

TEST_CASE("a failed gather cancels the rest and waits for it before it throws") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        int count = 0;
        bool cleaned = false;
        auto children = list(failing(1s, "boom"), long_child(count), slow_to_stop(cleaned));
        CHECK_THROWS_AS(co_await gather(std::move(children)), first_error);
        CHECK(count == 1);
        CHECK(cleaned);
        CHECK(time.now() - start == 4s);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("a failed gather stops its sleeping children at once in virtual time") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        std::vector<awaitable<int>> children;
        int count = 0;
        for (int i = 0; i < 100; ++i) children.push_back(long_child(count));
        children.push_back(failing_now("first"));
        CHECK_THROWS_AS(co_await gather(std::move(children)), first_error);
        CHECK(count == 100);
        CHECK(time.now() == start);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("a cancelled gather stops its sleeping children at once in virtual time") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto start = time.now();
        int count = 0;
        auto all = [&]() -> awaitable<void> {
            co_await gather(long_child(count), long_child(count), sleep_for(30s));
        };
        spawned group(ex, all());
        CHECK(time.armed() == 3);
        group.cancel();
        co_await settle();
        CHECK(group.done);
        CHECK(is_cancelled(group.error));
        CHECK(count == 2);
        CHECK(time.armed() == 0);
        CHECK(time.now() == start);
    });
}

TEST_CASE("what a cancelled child reads from a socket stops") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        asio::local::stream_protocol::socket here(io), there(io);
        asio::local::connect_pair(here, there);
        bool read_ended = false;
        auto reader = [&]() -> awaitable<int> {
            char byte = 0;
            auto [ec, n] = co_await here.async_read_some(asio::buffer(&byte, 1), use_tuple);
            read_ended = true;
            CHECK(ec == asio::error::operation_aborted);
            co_return static_cast<int>(n);
        };
        auto children = list(reader(), failing(1s, "boom"));
        CHECK_THROWS_AS(co_await gather(std::move(children)), first_error);
        CHECK(read_ended);
        // The socket itself works on.
        char byte = 'x';
        asio::write(there, asio::buffer(&byte, 1));
        CHECK(co_await here.async_read_some(asio::buffer(&byte, 1), use_awaitable) == 1);
    });
}

TEST_CASE("a gather that detaches the rest leaves it running, late errors go to on_unhandled") {
    unhandled_log unhandled;
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        bool ended = false;
        auto runs_on = [&]() -> awaitable<int> {
            co_await sleep_for(5s);
            ended = true;
            co_return 1;
        };
        auto children = list(failing(1s, "boom"), runs_on(), failing(4s, "late"));
        CHECK_THROWS_AS(co_await gather(rest::detach, std::move(children)), first_error);
        CHECK(time.now() - start == 1s);
        CHECK_FALSE(ended);
        co_await sleep_for(10s);
        CHECK(ended);
        CHECK_THROWS_AS(co_await gather(rest::detach, failing_now("a"), failing(1s, "later")),
                        first_error);
        co_await sleep_for(2s);
    });
    CHECK(unhandled.errors() == log{"late", "later"});
}

TEST_CASE("a group that would detach its rest still cancels all when it is cancelled itself") {
    unhandled_log unhandled;
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        int count = 0;
        auto all = [&]() -> awaitable<void> {
            co_await gather(rest::detach, long_child(count), long_child(count));
        };
        spawned group(ex, all());
        group.cancel();
        co_await settle();
        CHECK(group.done);
        CHECK(is_cancelled(group.error));
        CHECK(count == 2);
        CHECK(time.armed() == 0);
    });
    CHECK(unhandled.errors().empty());
}

TEST_CASE("when_any gives the index and the value of the first success") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        int count = 0;
        auto children = list(long_child(count), failing(1s, "ignored"), after(2s, 7));
        auto [index, value] = co_await when_any(std::move(children));
        CHECK(index == 2);
        CHECK(value == 7);
        CHECK(count == 1);
        CHECK(time.now() - start == 2s);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("when_any waits for the rest that it cancelled") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        bool cleaned = false;
        auto children = list(slow_to_stop(cleaned), after(1s, 7));
        auto first = co_await when_any(std::move(children));
        CHECK(first.index == 1);
        CHECK(cleaned);
        CHECK(time.now() - start == 4s);
    });
}

TEST_CASE("when_any that detaches the rest leaves it running") {
    unhandled_log unhandled;
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        auto children = list(failing(3s, "late"), after(1s, 7), failing(0s, "early"));
        auto first = co_await when_any(rest::detach, std::move(children));
        CHECK(first.value == 7);
        CHECK(time.now() - start == 1s);
        co_await sleep_for(3s);
    });
    CHECK(unhandled.errors() == log{"late"});
}

TEST_CASE("when_any throws all errors in input order where all children fail") {
    run([]() -> awaitable<void> {
        auto children = list(failing(3s, "a"), failing(1s, "b"), failing_now("c"));
        std::optional<failure_group> group;
        try {
            co_await when_any(std::move(children));
        } catch (const failure_group& e) {
            group = e;
        }
        REQUIRE(group);
        REQUIRE(group->errors().size() == 3);
        CHECK(what(group->errors()[0]) == "a");
        CHECK(what(group->errors()[1]) == "b");
        CHECK(what(group->errors()[2]) == "c");
        CHECK(std::string(group->what()) == "all 3 failed: a; b; c");
        CHECK_THROWS_AS(co_await when_any(failing_now("x"), failing(1s, "y")), failure_group);
    });
}

TEST_CASE("when_any and when_first of an empty list throw invalid_argument") {
    run([]() -> awaitable<void> {
        CHECK_THROWS_AS(co_await when_any(std::vector<awaitable<int>>()), std::invalid_argument);
        CHECK_THROWS_AS(co_await when_first(std::vector<awaitable<int>>()), std::invalid_argument);
    });
}

TEST_CASE("when_any of one type gives that type, of different types a variant by position") {
    run([]() -> awaitable<void> {
        auto same = co_await when_any(after(2s, 1), after(1s, 2));
        static_assert(std::is_same_v<decltype(same), winner<int>>);
        CHECK(same.index == 1);
        CHECK(same.value == 2);
        auto nothing = co_await when_any(sleep_for(2s), sleep_for(1s));
        CHECK(nothing.index == 1);
        auto mixed = co_await when_any(sleep_for(2s), after(3s, 1), after(1s, std::string("poem")));
        using variant = std::variant<std::monostate, int, std::string>;
        static_assert(std::is_same_v<decltype(mixed), winner<variant>>);
        CHECK(mixed.index == 2);
        CHECK(mixed.value == variant("poem"));
        auto slept = co_await when_any(sleep_for(1s), after(3s, 1));
        CHECK(slept.index == 0);
        CHECK(slept.value.index() == 0);
    });
}

TEST_CASE("a cancelled when_any throws cancelled, not a failure group") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        int count = 0;
        auto any = [&]() -> awaitable<void> {
            co_await when_any(long_child(count), long_child(count));
        };
        spawned group(ex, any());
        group.cancel();
        co_await settle();
        CHECK(is_cancelled(group.error));
        CHECK(count == 2);
    });
}

TEST_CASE("when_first gives whichever ends first, success or failure") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        int count = 0;
        auto children = list(long_child(count), failing(1s, "boom"), after(2s, 7));
        auto [index, outcome] = co_await when_first(std::move(children));
        CHECK(index == 1);
        CHECK(what(outcome.error()) == "boom");
        CHECK(count == 1);
        CHECK(time.now() - start == 1s);
        auto more = list(failing(2s, "late"), after(1s, 7));
        auto second = co_await when_first(std::move(more));
        CHECK(second.index == 1);
        CHECK(second.value.value() == 7);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("when_first of different types gives a result of a variant") {
    run([]() -> awaitable<void> {
        auto first = co_await when_first(sleep_for(2s), after(1s, 5));
        CHECK(first.index == 1);
        CHECK(std::get<1>(first.value.value()) == 5);
        auto failed = co_await when_first(sleep_for(2s), failing_now("no"));
        CHECK(failed.index == 1);
        CHECK(what(failed.value.error()) == "no");
        auto same = co_await when_first(after(2s, 1), failing(1s, "boom"));
        CHECK(what(same.value.error()) == "boom");
    });
}

TEST_CASE("when_first that detaches the rest reports its late errors") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        auto first = co_await when_first(rest::detach, after(1s, 1), failing(2s, "late"));
        CHECK(first.value.value() == 1);
        co_await sleep_for(2s);
    });
    CHECK(unhandled.errors() == log{"late"});
}

TEST_CASE("groups nest, and a cancel reaches the innermost child") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        int count = 0;
        auto inner = [&]() -> awaitable<int> {
            auto children = list(long_child(count), long_child(count));
            auto values = co_await gather(std::move(children));
            co_return values[0];
        };
        auto outer = [&]() -> awaitable<void> {
            co_await when_all(inner(), inner(), when_any(inner(), inner()));
        };
        spawned group(ex, outer());
        CHECK(time.armed() == 8);
        group.cancel();
        co_await settle();
        CHECK(group.done);
        CHECK(count == 8);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("a cancel that comes after the outcome is decided does not disturb it") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        int got = 0;
        auto all = [&]() -> awaitable<void> {
            auto [r] = co_await when_all(p.wait());
            got = r.value();
        };
        spawned group(ex, all());
        p.fire(4);
        group.cancel(); // the child is on its way to its end
        co_await settle();
        CHECK(group.done);
        CHECK((got == 4 || is_cancelled(group.error)));
    });
}

TEST_CASE("a loop that is destroyed destroys groups with everything suspended") {
    auto owned = std::make_shared<int>(1);
    {
        asio::io_context io;
        oocrpc::clock::of(io).use_virtual();
        auto sleeper = [](std::shared_ptr<int> held) -> awaitable<int> {
            co_await sleep_for(1h);
            co_return *held;
        };
        auto waiter = [](std::shared_ptr<int> held) -> awaitable<int> {
            promise<int> never;
            co_await never.wait();
            co_return *held;
        };
        auto group = [&]() -> awaitable<void> {
            auto children = list(sleeper(owned), waiter(owned));
            co_await gather(sleeper(owned), waiter(owned), when_all(std::move(children)),
                            when_any(rest::detach, sleeper(owned), waiter(owned)));
        };
        asio::co_spawn(io, group(), [](std::exception_ptr) { FAIL("it never ends"); });
        io.poll();
        CHECK(owned.use_count() == 7);
    }
    CHECK(owned.use_count() == 1);
}

} // TEST_SUITE("when")
