#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::settle;
using test::spawned;
using test::what;

namespace {

awaitable<int> after(duration delay, int value) {
    co_await sleep_for(delay);
    co_return value;
}

/// Ends with `ending` after it was cancelled and has cleaned up for two seconds.
template <class F> awaitable<int> slow_to_stop(F ending) {
    try {
        co_await sleep_for(60s);
    } catch (const rpc_error&) {
    }
    co_await this_coro::reset_cancellation_state();
    co_await sleep_for(2s);
    co_return ending();
}

template <class T> awaitable<void> keep_error(awaitable<T> from, std::exception_ptr& to) {
    try {
        co_await std::move(from);
    } catch (...) {
        to = std::current_exception();
    }
}

errc code_of(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const rpc_error& error) {
        return static_cast<errc>(error.code().value());
    } catch (...) {
        return {};
    }
}

} // namespace

TEST_SUITE("deadline") {

TEST_CASE("the timer of a deadline bears the place of its with_deadline()") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const unsigned line = __LINE__ + 1;
        spawned span(ex, with_deadline(1h, sleep_for(1s)));
        spawned point(ex, with_deadline(time.after(2h), sleep_for(1s)));
        co_await settle();
        const auto places = time.armed_at();
        co_await sleep_for(2s);
        CHECK(span.done);
        CHECK(point.done);
        REQUIRE(places.size() == 4); // the two sleepers are due first
        for (const unsigned i : {0u, 1u}) {
            CHECK(places[2 + i].line() == line + i);
            CHECK(std::string(places[2 + i].file_name()).ends_with("deadline_tests.cpp"));
        }
    });
}

TEST_CASE("an operation that ends before its deadline gives its value and leaves no timer") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        CHECK(co_await with_deadline(2s, after(1s, 5)) == 5);
        CHECK(co_await with_deadline(start + 3s, after(1s, 6)) == 6);
        co_await with_deadline(1s, sleep_for(0s));
        CHECK(time.now() - start == 2s);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("an operation that fails before its deadline gives its own error") {
    run([]() -> awaitable<void> {
        auto fail = []() -> awaitable<void> {
            co_await sleep_for(1s);
            throw std::runtime_error("boom");
        };
        CHECK_THROWS_WITH_AS(co_await with_deadline(2s, fail()), "boom", std::runtime_error);
        auto cancel = []() -> awaitable<void> {
            co_await sleep_for(1s);
            throw rpc_error(errc::cancelled, "by the peer");
        };
        CHECK_THROWS_WITH(co_await with_deadline(2s, cancel()), "cancelled: by the peer");
    });
}

TEST_CASE("at the deadline the error is deadline_exceeded with the time, not cancelled") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        std::exception_ptr error;
        co_await keep_error(with_deadline(1500ms, after(60s, 1)), error);
        CHECK(code_of(error) == errc::deadline_exceeded);
        CHECK_FALSE(is_cancelled(error));
        CHECK(what(error) == "deadline_exceeded: not done after 1.5s");
        CHECK(time.now() - start == 1500ms);
        CHECK(time.armed() == 0);
        co_await keep_error(with_deadline(time.now() + 250ms, sleep_for(60s)), error);
        CHECK(what(error) == "deadline_exceeded: not done after 250ms");
    });
}

TEST_CASE("an operation past its deadline is cancelled and awaited") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        auto ending = []() -> int { throw rpc_error(errc::cancelled); };
        std::exception_ptr error;
        co_await keep_error(with_deadline(1s, slow_to_stop(ending)), error);
        CHECK(code_of(error) == errc::deadline_exceeded);
        CHECK(time.now() - start == 3s);
    });
}

TEST_CASE("a value that comes in spite of the deadline is kept") {
    run([]() -> awaitable<void> {
        auto ending = [] { return 4; };
        CHECK(co_await with_deadline(1s, slow_to_stop(ending)) == 4);
    });
}

TEST_CASE("another error that comes in spite of the deadline is kept") {
    run([]() -> awaitable<void> {
        auto ending = []() -> int { throw std::runtime_error("broken"); };
        CHECK_THROWS_WITH_AS(co_await with_deadline(1s, slow_to_stop(ending)), "broken",
                             std::runtime_error);
    });
}

TEST_CASE("cancelling from outside gives cancelled, and the operation is awaited") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        std::exception_ptr error, slow_error;
        spawned fast(ex, keep_error(with_deadline(5s, after(60s, 1)), error));
        auto ending = []() -> int { throw rpc_error(errc::cancelled); };
        // Two seconds of cleaning up go beyond the deadline: whoever cancelled first is the
        // cause.
        spawned slow(ex, keep_error(with_deadline(2s, slow_to_stop(ending)), slow_error));
        co_await sleep_for(1s);
        fast.cancel();
        slow.cancel();
        co_await settle();
        CHECK(fast.done);
        CHECK(code_of(error) == errc::cancelled);
        CHECK_FALSE(slow.done);
        co_await sleep_for(3s);
        CHECK(slow.done);
        CHECK(code_of(slow_error) == errc::cancelled);
        CHECK(time.armed() == 0);
    });
}

TEST_CASE("an operation is started even where its deadline has passed") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ready = promise<int>::resolved(3);
        CHECK(co_await with_deadline(-1s, ready.wait()) == 3);
        auto start = time.now();
        std::exception_ptr error;
        co_await keep_error(with_deadline(start - 5s, after(1s, 1)), error);
        CHECK(what(error) == "deadline_exceeded: not done after 0ms");
        CHECK(time.now() == start);
    });
}

TEST_CASE("a deadline that never comes does not disturb") {
    run([]() -> awaitable<void> {
        CHECK(co_await with_deadline(duration::max(), after(1s, 3)) == 3);
    });
}

TEST_CASE("the innermost of nested deadlines that passes first is the error") {
    run([]() -> awaitable<void> {
        std::exception_ptr error;
        auto inner = [] { return with_deadline(1s, after(60s, 1)); };
        co_await keep_error(with_deadline(2s, inner()), error);
        CHECK(what(error) == "deadline_exceeded: not done after 1s");
        auto outer = [] { return with_deadline(9s, after(60s, 1)); };
        co_await keep_error(with_deadline(3s, outer()), error);
        CHECK(what(error) == "deadline_exceeded: not done after 3s");
    });
}

TEST_CASE("a canceller may answer for a promise whose deadline passes") {
    run([]() -> awaitable<void> {
        promise<int> p([](promise<int>& self) { self.fire(11); });
        CHECK(co_await with_deadline(1s, p.wait()) == 11);
    });
}

TEST_CASE("a loop that is destroyed destroys an operation with a deadline") {
    auto owned = std::make_shared<int>(1);
    {
        asio::io_context io;
        auto sleeper = [](std::shared_ptr<int> held) -> awaitable<int> {
            co_await sleep_for(1h);
            co_return *held;
        };
        asio::co_spawn(io, with_deadline(2h, sleeper(owned)), [](std::exception_ptr, int) {});
        io.poll();
        CHECK(owned.use_count() == 2);
    }
    CHECK(owned.use_count() == 1);
}

} // TEST_SUITE("deadline")
