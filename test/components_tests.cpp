#include "support/probe_component.hpp"
#include "support/run.hpp"
#include "support/temporary.hpp"

#include <oocrpc/application.hpp>
#include <oocrpc/components.hpp>
#include <oocrpc/service.hpp>
#include <oocrpc/task_list.hpp>
#include <oocrpc/testing/fails.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

namespace {

constexpr method<int(int, int)> add{"calc.add", {"a", "b"}};
constexpr method<int(int)> wait_ms{"slow.wait", {"ms"}};

} // namespace

TEST_SUITE("components") {

TEST_CASE("a task runs from start to stop, which cancels and awaits it, and may run again") {
    run([]() -> awaitable<void> {
        int begun = 0, cancelled = 0;
        auto body = [&]() -> awaitable<void> {
            ++begun;
            try {
                co_await sleep_for(1h);
            } catch (const rpc_error&) {
                ++cancelled;
                throw;
            }
        };
        task_component task("task", body);
        co_await task.start();
        CHECK(begun == 1);
        co_await task.stop();
        CHECK(cancelled == 1);
        co_await task.start();
        co_await task.stop();
        CHECK(begun == 2);
        CHECK(cancelled == 2);
    });
}

TEST_CASE("a task that throws or returns while it runs has failed") {
    for (const bool throwing : {true, false}) {
        CAPTURE(throwing);
        run([&]() -> awaitable<void> {
            std::string why;
            component_group group("all");
            group.on_event = [&](const component_event& e) {
                if (e.what == component_event::kind::failed && why.empty()) why = what(e.why);
            };
            auto body = [&]() -> awaitable<void> {
                co_await sleep_for(1s);
                if (throwing) throw std::runtime_error("broken");
            };
            failure_policy ignoring;
            ignoring.action = on_failure::ignore;
            group.add(std::make_unique<task_component>("task", body), ignoring);
            co_await group.start();
            co_await sleep_for(2s);
            CHECK(why == (throwing ? "broken" : "ended by itself"));
            CHECK(!group.find("task")->running());
            co_await group.stop();
        });
    }
}

TEST_CASE("a task that fails at once makes the start fail") {
    run([]() -> awaitable<void> {
        auto body = []() -> awaitable<void> {
            throw std::runtime_error("broken");
            co_return;
        };
        task_component task("task", body);
        CHECK(co_await error_of(task.start()) == "broken");
        CHECK(!task.running());
    });
}

TEST_CASE("a task whose component is destroyed is cancelled") {
    run([]() -> awaitable<void> {
        bool ended = false;
        auto body = [&]() -> awaitable<void> {
            try {
                co_await sleep_for(1h);
            } catch (const rpc_error&) {
                ended = true;
                throw;
            }
        };
        auto task = std::make_unique<task_component>("task", body);
        co_await task->start();
        task.reset();
        co_await settle();
        CHECK(ended);
    });
}

TEST_CASE("a timer calls at its start and then every interval, skipping what it was late for") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        std::vector<std::int64_t> calls;
        const auto begin = time.now();
        auto tick = [&]() -> awaitable<void> {
            calls.push_back((time.now() - begin) / 1ms);
            if (calls.size() == 2) co_await sleep_for(2500ms);
        };
        timer_component timer("timer", 1s, tick);
        co_await timer.start();
        co_await sleep_for(5500ms);
        co_await timer.stop();
        CHECK(calls == std::vector<std::int64_t>{0, 1000, 4000, 5000});
        CHECK_THROWS_AS(timer_component("timer", 0s, tick), std::invalid_argument);
    });
}

TEST_CASE("tasks, timers and sockets of a component bear the place where it was made") {
    run([](testing::memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto nothing = []() -> awaitable<void> { co_return; };
        auto sleep = []() -> awaitable<void> { co_await sleep_for(1h); };
        const unsigned line = __LINE__;
        task_component task("task", sleep);
        timer_component timer("timer", 1min, nothing);
        server_component server("server", {"oocrpc://alpha:9000"}, service("calc"));
        client_component client("client", ex, "oocrpc://alpha:9000");
        component* const all[] = {&task, &timer, &server, &client};
        for (auto* c : all) co_await c->start();

        co_await settle(); // the tasks of the starts themselves are gone a turn later
        const auto tasks = task_list::of(ex).all();
        REQUIRE(tasks.size() == 3);
        for (unsigned i = 0; i < 3; ++i) {
            CHECK(tasks[i].made.line() == line + 1 + i);
            CHECK(tasks[i].owner == all[i]->name());
        }
        const auto timers = oocrpc::clock::of(ex).armed_at();
        REQUIRE(timers.size() == 2); // of the timer, then of the sleeper
        CHECK(timers[0].line() == line + 2);
        json none = json::array();
        CHECK_FAILS(client.get().call("nothing", none), errc::no_such_method);
        const auto sockets = net.open();
        REQUIRE(sockets.size() == 3);
        CHECK(sockets[0].made.line() == line + 3); // the listener
        CHECK(sockets[1].made.line() == line + 4); // the client's end
        CHECK(sockets[2].made.line() == line + 3);
        for (const auto& s : sockets)
            CHECK(std::string(s.made.file_name()).ends_with("components_tests.cpp"));
        for (auto* c : {all[3], all[2], all[1], all[0]}) co_await c->stop();
    });
}

TEST_CASE("the tasks of a component that its group made bear its path") {
    run([]() -> awaitable<void> {
        auto nothing = []() -> awaitable<void> { co_return; };
        component_group root("root");
        auto& town = root.add<component_group>("town");
        town.add<timer_component>("tick", 1h, nothing);
        co_await root.start();
        co_await settle();
        const auto tasks = task_list::of(co_await this_coro::executor).all();
        REQUIRE(tasks.size() == 1);
        CHECK(tasks[0].owner == "town.tick");
        co_await root.stop();
    });
}

TEST_CASE("a server listens from start to stop, and its client is closed at stop") {
    run([]() -> awaitable<void> {
        const temporary_path path;
        service calc("calc");
        calc.on(add, [](int a, int b) { return a + b; });
        server_component server("server", {path.url()}, calc);
        client_component client("client", co_await this_coro::executor, path.url());
        co_await server.start();
        co_await client.start();
        CHECK(server.addresses().size() == 1);
        const json arguments = json::array({2, 3});
        const json got = co_await client.get().call("calc.add", arguments);
        CHECK(got == 5);
        CHECK(server.connections() == 1);
        co_await client.stop();
        co_await server.stop();
        CHECK(!std::filesystem::exists(path.path));
        bool refused = false;
        try {
            co_await client.get().call("calc.add", arguments);
        } catch (const rpc_error& e) {
            refused = e.code() == errc::unavailable;
        }
        CHECK(refused);
        co_await server.start();
        co_await client.start();
        const json again = co_await client.get().call("calc.add", arguments);
        CHECK(again == 5);
        co_await client.stop();
        co_await server.stop();
    });
}

TEST_CASE("a server whose address is taken does not start, and says which") {
    run([]() -> awaitable<void> {
        const temporary_path path;
        service calc("calc");
        server_component one("one", {path.url()}, calc), two("two", {path.url()}, calc);
        co_await one.start();
        const auto why = co_await error_of(two.start());
        CHECK(why.find("cannot listen on " + path.url()) != std::string::npos);
        co_await one.stop();
    });
}

TEST_CASE("a server's stop waits for the calls in flight, and being cancelled cancels them") {
    run([]() -> awaitable<void> {
        const temporary_path path;
        int finished = 0, cancelled = 0;
        service slow("slow");
        slow.on(wait_ms, [&](int ms) -> awaitable<int> {
            try {
                co_await sleep_for(std::chrono::milliseconds(ms));
            } catch (const rpc_error&) {
                ++cancelled;
                throw;
            }
            ++finished;
            co_return ms;
        });
        server_component server("server", {path.url()}, slow);
        const auto ex = co_await this_coro::executor;
        client db(ex, path.url());
        auto wait = [&](int ms) -> awaitable<void> {
            const json arguments = json::array({ms});
            co_await db.call("slow.wait", arguments);
        };
        co_await server.start();
        spawned first(ex, wait(1000));
        co_await sleep_for(100ms);
        co_await server.stop();
        CHECK(finished == 1);
        co_await settle();
        CHECK(first.done);
        CHECK(!first.error);

        co_await server.start();
        spawned second(ex, wait(5000));
        co_await sleep_for(100ms);
        spawned stopping(ex, server.stop());
        co_await sleep_for(100ms);
        stopping.cancel();
        co_await settle();
        CHECK(stopping.done);
        CHECK(cancelled == 1);
        db.close();
        co_await settle();
        CHECK(second.done);
    });
}

TEST_CASE("the limit of a drain holds for each of the servers that stop one after the other") {
    run([](testing::memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto& time = oocrpc::clock::of(ex);
        service slow("slow");
        slow.on(wait_ms, [](int ms) -> awaitable<int> {
            co_await sleep_for(std::chrono::milliseconds(ms));
            co_return ms;
        });
        application_options options;
        options.stop_signals.clear();
        options.drain_timeout = 200ms;
        application app("app", options);
        const std::vector<std::string> urls{"oocrpc://one:1", "oocrpc://two:1"};
        app.add<server_component>("one", std::vector{urls[0]}, slow);
        app.add<server_component>("two", std::vector{urls[1]}, slow);
        int code = -1;
        auto live = [&]() -> awaitable<void> { code = co_await app.run(); };
        spawned life(ex, live());
        co_await settle();
        std::vector<spawned> calls(2);
        auto call = [ex](std::string to) -> awaitable<void> {
            client db(ex, to);
            const json arguments = json::array({9000});
            co_await db.call("slow.wait", arguments);
        };
        for (std::size_t i = 0; i < 2; ++i) calls[i].start(ex, call(urls[i]));
        co_await sleep_for(100ms);
        const auto begin = time.now();
        app.request_stop();
        co_await sleep_for(200ms);
        co_await settle();
        CHECK(life.done);
        CHECK(code == 0);
        CHECK(time.now() - begin == 200ms);
        for (auto& c : calls) CHECK(c.done);
        CHECK(net.host("one").connections() + net.host("two").connections() == 0);
    });
}

} // TEST_SUITE("components")
