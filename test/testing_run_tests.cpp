#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/network.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>

#include <latch>
#include <optional>
#include <thread>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::spawned;
using test::stuck;
using testing::unhandled_log;

namespace {

std::string this_file(unsigned line) {
    return std::string(std::source_location::current().file_name()) + ":" + std::to_string(line);
}

/// What run() says of `f`; empty where all is well.
template <class F> std::string verdict(F f, duration limit = testing::default_limit) {
    try {
        run(std::move(f), limit);
    } catch (const stuck& e) {
        return e.what();
    }
    return "";
}

const std::string behind = "this case leaves behind:";

} // namespace

TEST_SUITE("testing_run") {

TEST_CASE("what the coroutine of a case throws fails the case") {
    auto thrower = []() -> awaitable<void> {
        co_await sleep_for(1s);
        throw std::runtime_error("boom");
    };
    CHECK_THROWS_WITH_AS(run(thrower), "boom", std::runtime_error);
}

TEST_CASE("the clock jumps to the next timer, so that a case of an hour takes no time") {
    const auto begun = std::chrono::steady_clock::now();
    auto sleeper = [](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        const auto then = time.now();
        co_await sleep_for(1h);
        CHECK(time.now() - then == 1h);
    };
    run(sleeper, 2h);
    CHECK(std::chrono::steady_clock::now() - begun < 1min);
}

TEST_CASE("a case that goes beyond its limit of virtual time fails, and says what it waited for") {
    unsigned line = 0;
    auto sleeper = [&]() -> awaitable<void> {
        line = __LINE__ + 1;
        for (;;) co_await sleep_for(1s);
    };
    CHECK(verdict(sleeper).starts_with("this case went beyond the limit of virtual time"));
    CHECK(verdict(sleeper, 10s).starts_with("this case went beyond the limit of virtual time"));
    auto patient = []() -> awaitable<void> { co_await sleep_for(10s); };
    CHECK(verdict(patient, 10s) == "");
    auto long_sleeper = [&]() -> awaitable<void> {
        task_group tasks(co_await this_coro::executor);
        line = __LINE__ + 1;
        tasks.spawn(sleep_for(1h));
        co_await tasks.join();
    };
    const auto said = verdict(long_sleeper);
    CHECK(said == "this case went beyond the limit of virtual time"
                  "\n  a task that was started at " +
                      this_file(line));
}

TEST_CASE("a case that nothing can resume any more fails") {
    auto waiter = []() -> awaitable<void> {
        promise<void> never;
        co_await never.wait();
    };
    CHECK(verdict(waiter) == "nothing is left that could end this case: deadlock");
}

TEST_CASE("a case that spins without time passing fails, and says what there is") {
    const std::string spins = "this case spins: 1000000 handlers ran without time passing";
    unsigned line = 0;
    auto yields = [&]() -> awaitable<void> {
        task_group tasks(co_await this_coro::executor);
        line = __LINE__ + 1;
        tasks.spawn(sleep_for(1h));
        for (;;) co_await asio::post(use_awaitable);
    };
    const auto said = verdict(yields);
    CHECK(said.starts_with(spins + "\n  a task that was started at " + this_file(line)));
    bool counted_afresh = false;
    auto sleeps_for_nothing = [&]() -> awaitable<void> {
        constexpr auto most = testing::spin_limit / 10 * 9;
        for (std::size_t i = 0; i < most; ++i) co_await asio::post(use_awaitable);
        co_await sleep_for(1ns);
        for (std::size_t i = 0; i < most; ++i) co_await asio::post(use_awaitable);
        counted_afresh = true;
        for (;;) co_await sleep_for(0s);
    };
    CHECK(verdict(sleeps_for_nothing).starts_with(spins));
    CHECK(counted_afresh);
}

TEST_CASE("a case that leaves a timer behind fails and says where it was made") {
    spawned sleeping;
    unsigned line = 0;
    auto leaves_timer = [&]() -> awaitable<void> {
        line = __LINE__ + 1;
        sleeping.start(co_await this_coro::executor, sleep_for(1s));
    };
    const auto said = verdict(leaves_timer);
    CHECK(said == behind + "\n  a timer that was made at " + this_file(line));
}

TEST_CASE("a case that leaves a coroutine behind fails") {
    spawned waiting;
    promise<void> never;
    auto leaves_work = [&]() -> awaitable<void> {
        waiting.start(co_await this_coro::executor, never.wait());
    };
    CHECK(verdict(leaves_work) ==
          behind + "\n  work in the loop: a coroutine, or an operation of a socket");
}

TEST_CASE("a case that leaves a task behind fails and says where it was started") {
    std::optional<task_group> tasks;
    promise<void> never;
    unsigned line = 0;
    auto leaves_task = [&]() -> awaitable<void> {
        tasks.emplace(co_await this_coro::executor);
        line = __LINE__ + 1;
        tasks->spawn(never.wait());
    };
    const auto said = verdict(leaves_task);
    CHECK(said == behind + "\n  a task that was started at " + this_file(line));
    auto leaves_named = [&]() -> awaitable<void> {
        tasks.emplace(co_await this_coro::executor, "poems");
        line = __LINE__ + 1;
        tasks->spawn(never.wait());
    };
    const auto said_too = verdict(leaves_named);
    CHECK(said_too == behind + "\n  a task of poems that was started at " + this_file(line));
}

TEST_CASE("a task that its group cancels at the end of the case is not left behind") {
    auto cancels = []() -> awaitable<void> {
        task_group tasks(co_await this_coro::executor);
        tasks.spawn(sleep_for(1h));
        co_await testing::settle();
    };
    CHECK(verdict(cancels) == "");
}

TEST_CASE("a case that leaves a listener or a connection behind fails and says where it was made") {
    std::unique_ptr<listener> from;
    std::unique_ptr<byte_stream> here, there;
    unsigned line = 0;
    auto leaves_sockets = [&]() -> awaitable<void> {
        const auto at = url::parse("oocrpc://alpha:9000");
        line = __LINE__;
        from = listener::open(co_await this_coro::executor, at);
        here = co_await connect_stream(at);
        there = co_await from->accept();
    };
    const auto said = verdict(leaves_sockets);
    CHECK(said == behind + "\n  a listener at alpha:9000 that was made at " + this_file(line + 1) +
                      "\n  a connection to alpha that was made at " + this_file(line + 2) +
                      "\n  a connection to alpha that was made at " + this_file(line + 1));
    auto closes = [&]() -> awaitable<void> {
        co_await leaves_sockets();
        here->close();
        there->close();
        from->close();
    };
    CHECK(verdict(closes) == "");
}

TEST_CASE("a case that drops a failed promise fails and says where that was made") {
    unsigned line = 0;
    auto drops = [&]() -> awaitable<void> {
        line = __LINE__ + 1;
        promise<int> p;
        p.fail(std::runtime_error("boom"));
        co_return;
    };
    const auto said = verdict(drops);
    CHECK(said == behind + "\n  an error that nobody received, boom, of what was made at " +
                      this_file(line));
}

TEST_CASE("a case tells everything that it leaves behind") {
    std::optional<task_group> tasks;
    std::unique_ptr<listener> from;
    unsigned line = 0;
    auto leaves_all = [&]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        tasks.emplace(ex);
        line = __LINE__;
        from = listener::open(ex, url::parse("oocrpc://alpha:9000"));
        tasks->spawn(sleep_for(1s));
        auto lost = promise<int>::failed(std::runtime_error("boom"));
    };
    const auto said = verdict(leaves_all);
    CHECK(said == behind + "\n  a task that was started at " + this_file(line + 2) +
                      "\n  a timer that was made at " + this_file(line + 2) +
                      "\n  a listener at alpha:9000 that was made at " + this_file(line + 1) +
                      "\n  an error that nobody received, boom, of what was made at " +
                      this_file(line + 3));
}

TEST_CASE("errors that a log of the case's own receives are not left behind") {
    auto drop = [] { promise<int>::failed(std::runtime_error("expected")); };
    auto drops = [&]() -> awaitable<void> {
        unhandled_log inside;
        drop();
        CHECK(inside.errors() == std::vector<std::string>{"expected"});
        co_return;
    };
    const auto said = verdict(drops);
    CHECK(said == "");
    unhandled_log outside;
    auto drops_more = [&]() -> awaitable<void> {
        drop();
        co_return;
    };
    CHECK(verdict(drops_more) == "");
    REQUIRE(outside.errors() == std::vector<std::string>{"expected"});
    CHECK(testing::text_of(outside.places()[0]).starts_with(this_file(0).substr(0, 8)));
}

TEST_CASE("a log receives the errors of all threads") {
    unhandled_log log;
    std::latch together(2);
    auto drop = [&] {
        together.arrive_and_wait();
        for (int i = 0; i < 20'000; ++i) report_unhandled(nullptr);
    };
    std::thread other(drop);
    drop();
    other.join();
    CHECK(log.errors().size() == 40'000);
    CHECK(log.places().size() == 40'000);
}

TEST_CASE("the function for unhandled errors is as it was after a case, however that ended") {
    int seen = 0;
    auto mine = [&](std::exception_ptr, const std::source_location&) { ++seen; };
    auto before = on_unhandled(mine);
    auto drops = []() -> awaitable<void> {
        promise<int>::failed(std::runtime_error("boom"));
        co_return;
    };
    CHECK(verdict(drops) != "");
    CHECK(seen == 0); // a function that is no log of a test does not hide what a case drops
    auto thrower = []() -> awaitable<void> {
        throw std::runtime_error("boom");
        co_return;
    };
    CHECK_THROWS(run(thrower));
    promise<int>::failed(std::runtime_error("boom"));
    CHECK(seen == 1);
    on_unhandled(std::move(before));
}

} // TEST_SUITE("testing_run")
