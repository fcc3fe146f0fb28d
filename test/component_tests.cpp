#include "support/probe_component.hpp"
#include "support/run.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

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
