#include "support/run.hpp"
#include "support/spawned.hpp"

#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <list>
#include <oocrpc/clock.hpp>
#include <oocrpc/error.hpp>
#include <string>
#include <thread>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::settle;
using test::spawned;

TEST_SUITE("clock") {

TEST_CASE("a sleep ends when virtual time has moved on by its length") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        co_await sleep_for(1500ms);
        CHECK(time.now() - start == 1500ms);
        co_await sleep_until(start + 10s);
        CHECK(time.now() - start == 10s);
    });
}

TEST_CASE("a sleep until a time that has passed takes no time") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto start = time.now();
        co_await sleep_until(start - 5s);
        co_await sleep_for(0s);
        co_await sleep_for(-1s);
        CHECK(time.now() == start);
    });
}

TEST_CASE("a cancelled sleep throws cancelled at once and leaves no timer") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto start = time.now();
        spawned sleeper;
        sleeper.start(ex, sleep_for(60s));
        co_await sleep_for(1s);
        sleeper.cancel();
        CHECK(time.armed() == 0);
        co_await sleep_for(1ms);
        CHECK(sleeper.done);
        CHECK_THROWS_AS(std::rethrow_exception(sleeper.error), rpc_error);
        CHECK(is_cancelled(sleeper.error));
        CHECK(time.now() - start == 1001ms);
    });
}

TEST_CASE("timers fire in the order of their times, and of arming where those are equal") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    auto start = time.now();
    std::vector<int> fired;
    std::vector<std::unique_ptr<timer>> timers;
    for (int i = 0; i < 100; ++i) {
        timers.push_back(std::make_unique<timer>(io.get_executor()));
        timers.back()->arm(start + (i * 37 % 10) * 1s, [&fired, i] { fired.push_back(i); });
    }
    timers[50]->disarm();
    time.advance(20s);
    io.poll();
    REQUIRE(fired.size() == 99);
    auto key = [](int i) { return (i * 37 % 10) * 1000 + i; };
    for (std::size_t i = 1; i < fired.size(); ++i) CHECK(key(fired[i - 1]) < key(fired[i]));
}

TEST_CASE("advancing fires only what is due") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    int fired = 0;
    timer t(io.get_executor());
    t.arm(time.now() + 2s, [&] { ++fired; });
    time.advance(1999ms);
    io.poll();
    CHECK(fired == 0);
    CHECK(t.armed());
    time.advance(1ms);
    io.restart();
    io.poll();
    CHECK(fired == 1);
    CHECK_FALSE(t.armed());
    CHECK_FALSE(time.advance_to_next());
}

TEST_CASE("arming again replaces the time and the callback") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    std::string fired;
    timer t(io.get_executor());
    t.arm(time.now() + 1s, [&] { fired += "first"; });
    t.arm(time.now() + 3s, [&] { fired += "second"; });
    CHECK(time.armed() == 1);
    time.advance(2s);
    io.poll();
    CHECK(fired == "");
    time.advance(1s);
    io.restart();
    io.poll();
    CHECK(fired == "second");
}

TEST_CASE("a callback that was due but had not run does not run after disarm") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    timer t(io.get_executor());
    t.arm(time.now() + 1s, [] { FAIL("it was disarmed"); });
    CHECK(time.advance_to_next()); // posted from here, outside of the loop
    t.disarm();
    io.poll();
    int fired = 0;
    t.arm(time.now() + 1s, [] { FAIL("it was replaced"); });
    CHECK(time.advance_to_next());
    t.arm(time.now() + 1s, [&] { ++fired; });
    io.restart();
    io.poll();
    CHECK(fired == 0);
    CHECK(time.advance_to_next());
    io.restart();
    io.poll();
    CHECK(fired == 1);
}

TEST_CASE("a callback may arm its own timer again") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    int fired = 0;
    timer t(io.get_executor());
    std::function<void()> again = [&] {
        if (++fired < 5) t.arm(time.now() + 1s, again);
    };
    t.arm(time.now() + 1s, again);
    while (time.advance_to_next()) {
        io.restart();
        io.poll();
    }
    CHECK(fired == 5);
}

TEST_CASE("a callback may destroy its own timer") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    auto t = std::make_unique<timer>(io.get_executor());
    t->arm(time.now() + 1s, [&t] { t.reset(); });
    time.advance(1s);
    io.poll();
    CHECK(t == nullptr);
}

TEST_CASE("a timer may outlive the loop it was armed on") {
    auto io = std::make_unique<asio::io_context>();
    auto owned = std::make_shared<int>(1);
    timer t(io->get_executor());
    t.arm(oocrpc::clock::of(*io).now() + 1h, [owned] {});
    timer u(io->get_executor());
    u.arm(oocrpc::clock::of(*io).now() + 2h, [] {});
    io.reset();
    CHECK(owned.use_count() == 1);
    CHECK_FALSE(t.armed());
    u.disarm();
}

TEST_CASE("an armed timer keeps a real loop running until it fires, a disarmed one does not") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    int fired = 0;
    timer later(io.get_executor());
    timer soon(io.get_executor());
    timer first(io.get_executor());
    later.arm(time.now() + 1h, [] { FAIL("disarmed"); });
    soon.arm(time.now() + 1ms, [&] { ++fired; });
    first.arm(time.now() - 1s, [&] {
        ++fired;
        later.disarm();
    });
    io.run();
    CHECK(fired == 2);
}

TEST_CASE("in virtual time a pending timer does not keep the loop running") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    timer t(io.get_executor());
    t.arm(time.now() + 1h, [] {});
    time.use_virtual();
    timer u(io.get_executor());
    u.arm(time.now() + 1h, [] {});
    io.run();
    CHECK(time.armed() == 2);
}

TEST_CASE("a sleep of the longest duration waits and can be cancelled") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        CHECK(time.after(duration::max()) == time_point::max());
        CHECK(time.after(-1s) == time.now() - 1s);
        spawned sleeper(ex, sleep_for(duration::max()));
        co_await sleep_for(60s);
        CHECK_FALSE(sleeper.done);
        sleeper.cancel();
        co_await settle();
        CHECK(is_cancelled(sleeper.error));
    });
}

TEST_CASE("ten thousand sleepers share one clock and all wake in time") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto start = time.now();
        int woken = 0;
        auto sleeper = [&](int ms) -> awaitable<void> {
            co_await sleep_for(std::chrono::milliseconds(ms));
            CHECK(time.now() - start == std::chrono::milliseconds(ms));
            ++woken;
        };
        std::vector<spawned> sleepers(10000);
        for (int i = 0; i < 10000; ++i)
            sleepers[static_cast<std::size_t>(i)].start(ex, sleeper(i * 7919 % 1000));
        co_await sleep_for(1s);
        CHECK(woken == 10000);
    });
}

TEST_CASE("one call after the other, each with a deadline, lets a real loop end at once") {
    asio::io_context io;
    auto calls = []() -> awaitable<void> {
        timer deadline(co_await this_coro::executor);
        for (int i = 0; i < 100; ++i) {
            deadline.arm(std::chrono::steady_clock::now() + 1h, [] { FAIL("disarmed"); });
            co_await settle();
            deadline.disarm();
            if (i % 2 == 0) co_await settle();
        }
    };
    spawned s(io.get_executor(), calls());
    io.run(); // would take an hour
    CHECK(s.done);
    CHECK(s.error == nullptr);
}

TEST_CASE("a loop that several threads run serves the timers of many strands") {
    asio::io_context io;
    std::atomic<int> woken = 0;
    auto sleeper = [&woken]() -> awaitable<void> {
        timer never(co_await this_coro::executor);
        timer soon(co_await this_coro::executor);
        for (int i = 0; i < 100; ++i) {
            never.arm(std::chrono::steady_clock::now() + 1h, [] { FAIL("disarmed"); });
            soon.arm(std::chrono::steady_clock::now(), [&woken] { ++woken; });
            co_await sleep_for(i % 10 * 1us);
            never.disarm();
        }
        while (soon.armed()) co_await sleep_for(0s);
    };
    std::vector<spawned> sleepers(8);
    for (auto& s : sleepers) s.start(asio::make_strand(io), sleeper());
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&io] { io.run(); });
    for (auto& t : threads) t.join();
    for (auto& s : sleepers) CHECK((s.done && !s.error));
    CHECK(woken > 0);
    CHECK(oocrpc::clock::of(io).armed() == 0);
}

TEST_CASE("of timers that are due together others come in between when they take long") {
    asio::io_context io;
    auto& time = oocrpc::clock::of(io);
    std::string seen;
    std::list<timer> timers;
    for (int i = 0; i < 4; ++i)
        timers.emplace_back(io.get_executor()).arm(time.now() - 1s, [&, first = i == 0] {
            seen += 't';
            if (first) asio::post(io, [&] { seen += 'o'; });
            const auto end = std::chrono::steady_clock::now() + 1ms;
            while (std::chrono::steady_clock::now() < end) {
            }
        });
    io.run();
    CHECK(seen == "tottt");
}

TEST_CASE("a loop that is destroyed destroys the coroutines that sleep on it") {
    auto owned = std::make_shared<int>(1);
    {
        asio::io_context io;
        oocrpc::clock::of(io).use_virtual();
        auto sleeper = [](std::shared_ptr<int> held) -> awaitable<void> {
            co_await sleep_for(1h);
            CHECK(held == nullptr);
        };
        asio::co_spawn(io, sleeper(owned), [](std::exception_ptr) { FAIL("it never ends"); });
        io.poll();
        CHECK(owned.use_count() == 2);
    }
    CHECK(owned.use_count() == 1);
}

} // TEST_SUITE("clock")
