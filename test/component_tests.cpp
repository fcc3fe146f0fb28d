#include "support/probe_component.hpp"
#include "support/run.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

namespace {

/// Takes a second to start, and starts whether it is cancelled or not.
struct stubborn : component {
    stubborn() : component("stubborn") {}
    awaitable<void> on_start() override {
        co_await this_coro::throw_if_cancelled(false);
        bool done = false;
        timer later(co_await this_coro::executor);
        later.arm(oocrpc::clock::of(co_await this_coro::executor).after(1s), [&] { done = true; });
        while (!done) co_await asio::post(use_awaitable);
        ++starts;
    }
    awaitable<void> on_stop() override {
        ++stops;
        co_return;
    }
    int starts = 0, stops = 0;
};

} // namespace

TEST_SUITE("component") {

TEST_CASE("a component runs from the end of its start to the beginning of its stop") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        CHECK(!a.running());
        co_await a.start();
        CHECK(a.running());
        co_await a.stop();
        CHECK(!a.running());
        CHECK(all == diary{"+a", "-a"});
    });
}

TEST_CASE("a start that fails is thrown and leaves it stopped, and it may be started again") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        a.failing_starts = 1;
        CHECK(co_await error_of(a.start()) == "a does not start");
        CHECK(!a.running());
        co_await a.start();
        CHECK(a.running());
        co_await a.stop();
    });
}

TEST_CASE("starting one that runs is an error, stopping one that does not run does nothing") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        co_await a.stop();
        CHECK(all.empty());
        co_await a.start();
        CHECK(co_await error_of(a.start()) == "a has been started already");
        co_await a.stop();
    });
}

TEST_CASE("a second stop waits for the first") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        a.stop_time = 1s;
        co_await a.start();
        spawned first(co_await this_coro::executor, a.stop());
        co_await a.stop();
        CHECK(all == diary{"+a", "-a"});
        co_await settle();
        CHECK(first.done);
    });
}

TEST_CASE("a stop that fails has stopped it all the same") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        a.failing_stop = true;
        co_await a.start();
        CHECK(co_await error_of(a.stop()) == "a does not stop well");
        CHECK(!a.running());
    });
}

TEST_CASE("a failure of one that is in no group is reported as unhandled") {
    run([]() -> awaitable<void> {
        diary all;
        unhandled_log unhandled;
        probe a("a", all);
        co_await a.start();
        a.fail_now("broken");
        CHECK(unhandled.errors() == std::vector<std::string>{"broken"});
        CHECK(a.running());
        co_await a.stop();
    });
}

TEST_CASE("a stop while it starts cancels the start and waits for it") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        a.start_time = 1h;
        spawned starting(co_await this_coro::executor, a.start());
        co_await a.stop();
        co_await settle();
        CHECK(starting.done);
        CHECK(is_cancelled(starting.error));
        CHECK(!a.running());
        CHECK(all.empty());
    });
}

TEST_CASE("one that starts although that was cancelled is stopped again") {
    for (const bool by_stop : {true, false}) {
        CAPTURE(by_stop);
        run([&]() -> awaitable<void> {
            stubborn a;
            const auto ex = co_await this_coro::executor;
            spawned starting(ex, a.start()), stopping;
            if (by_stop)
                stopping.start(ex, a.stop());
            else
                starting.cancel();
            CHECK(!starting.done);
            oocrpc::clock::of(ex).advance(1s);
            co_await settle();
            CHECK(starting.done);
            CHECK(is_cancelled(starting.error));
            CHECK(stopping.done == by_stop);
            CHECK(a.starts == 1);
            CHECK(a.stops == 1);
            CHECK(!a.running());
        });
    }
}

TEST_CASE("a failure while it starts cancels the start, which throws it") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        a.start_time = 1h;
        spawned starting(co_await this_coro::executor, a.start());
        a.fail_now("broken");
        a.fail_now("and again");
        co_await settle();
        CHECK(starting.done);
        CHECK(what(starting.error) == "broken");
        CHECK(all.empty());
    });
}

TEST_CASE("who gives up waiting for a stop cuts it short for all, and fails nobody") {
    run([]() -> awaitable<void> {
        diary all;
        probe a("a", all);
        a.stop_time = 10s;
        const auto ex = co_await this_coro::executor;
        co_await a.start();
        spawned first(ex, a.stop()), second(ex, a.stop()), third(ex, a.stop());
        co_await sleep_for(1s);
        second.cancel();
        co_await settle();
        for (const auto* s : {&first, &second, &third}) {
            CHECK(s->done);
            CHECK(!s->error);
        }
        CHECK(all == diary{"+a", "~a"});
        CHECK(!a.running());
    });
}

TEST_CASE("it may be destroyed as soon as one of those who wait for its stop goes on") {
    run([]() -> awaitable<void> {
        diary all;
        auto a = std::make_unique<probe>("a", all);
        a->stop_time = 1s;
        const auto ex = co_await this_coro::executor;
        co_await a->start();
        auto destroy = [&]() -> awaitable<void> {
            co_await a->stop();
            a.reset();
        };
        spawned first(ex, destroy()), second(ex, a->stop());
        co_await sleep_for(2s);
        CHECK(first.done);
        CHECK(second.done);
        CHECK(!second.error);
        CHECK(!a);
    });
}

TEST_CASE("names are neither empty nor dotted, and a path is made of them") {
    diary all;
    CHECK_THROWS_WITH(probe("", all), "'' is no name of a component");
    CHECK_THROWS_WITH(probe("a.b", all), "'a.b' is no name of a component");
    component_group root("root");
    auto& proxy = root.add<component_group>("proxy");
    auto& cache = proxy.add<probe>("cache", all);
    CHECK(root.path() == "root");
    CHECK(proxy.path() == "proxy");
    CHECK(cache.path() == "proxy.cache");
    CHECK(cache.parent() == &proxy);
}

} // TEST_SUITE("component")
