#include "support/probe_component.hpp"
#include "support/run.hpp"

#include <csignal>

#include <oocrpc/application.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

namespace {

/// An application with probes a and b, run beside the case.
struct running_application {
    explicit running_application(application_options options = quiet())
        : app("app", std::move(options)),
          a(app.add<probe>("a", all)),
          b(app.add<probe>("b", all)) {}
    static application_options quiet() {
        application_options o;
        o.stop_signals = {SIGUSR2};
        return o;
    }
    awaitable<void> life() { code = co_await app.run(); }

    diary all;
    application app;
    probe &a, &b;
    int code = -1;
};

awaitable<void> signalled(int number) {
    ::raise(number);
    // It comes by a pipe, which takes real time but no virtual one.
    for (int i = 0; i < 50; ++i) co_await asio::post(use_awaitable);
}

bool is_caught(int number) {
    struct sigaction now = {};
    ::sigaction(number, nullptr, &now);
    return now.sa_handler != SIG_DFL;
}

} // namespace

TEST_SUITE("application") {

TEST_CASE("an application runs its components until it is asked to stop, and returns the code") {
    run([]() -> awaitable<void> {
        bool ready = false;
        auto options = running_application::quiet();
        options.on_ready = [&]() -> awaitable<void> {
            ready = true;
            co_return;
        };
        running_application r(std::move(options));
        spawned life(co_await this_coro::executor, r.life());
        co_await sleep_for(1h / 60);
        CHECK(ready);
        CHECK(r.app.running());
        CHECK(!life.done);
        r.app.request_stop(7);
        r.app.request_stop(8);
        co_await settle();
        CHECK(r.code == 7);
        CHECK(r.all == diary{"+a", "+b", "-b", "-a"});
    });
}

TEST_CASE("a stop signal drains and ends with 0") {
    run([]() -> awaitable<void> {
        std::vector<int> told;
        auto options = running_application::quiet();
        options.on_stopping = [&](int number) { told.push_back(number); };
        running_application r(std::move(options));
        r.b.stop_time = 5s;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        co_await signalled(SIGUSR2);
        CHECK(told == std::vector<int>{SIGUSR2});
        CHECK(!life.done);
        co_await sleep_for(5s + 1ms);
        CHECK(life.done);
        CHECK(r.code == 0);
        CHECK(r.all.back() == "-a");
    });
}

TEST_CASE("a second signal stops at once with 128 and its number") {
    run([]() -> awaitable<void> {
        running_application r;
        r.b.stop_time = 5s;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        co_await signalled(SIGUSR2);
        co_await signalled(SIGUSR2);
        co_await settle();
        CHECK(life.done);
        CHECK(r.code == 128 + SIGUSR2);
        CHECK(r.all == diary{"+a", "+b", "~b", "-a"});
    });
}

TEST_CASE("a drain that takes too long is cut short") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto options = running_application::quiet();
        options.drain_timeout = 2s;
        running_application r(std::move(options));
        r.b.stop_time = 1h;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        const auto begin = time.now();
        r.app.request_stop();
        co_await sleep_for(2s);
        co_await settle();
        CHECK(life.done);
        CHECK(time.now() - begin == 2s);
        CHECK(r.code == 0);
        CHECK(r.all == diary{"+a", "+b", "~b", "-a"});
    });
}

TEST_CASE("a component that fails stops the application with 70") {
    run([]() -> awaitable<void> {
        running_application r;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        r.a.fail_now("broken");
        co_await settle();
        CHECK(r.code == 70);
        CHECK(what(r.app.failure()) == "broken");
        CHECK(r.all == diary{"+a", "+b", "-b", "-a"});
    });
}

TEST_CASE("a start that fails is thrown after what had started is stopped") {
    run([]() -> awaitable<void> {
        running_application r;
        r.b.failing_starts = 1;
        CHECK(co_await error_of(r.life()) == "b does not start");
        CHECK(r.all == diary{"+a", "!b", "-a"});
    });
}

TEST_CASE("a signal while it starts cancels the start and ends with 0") {
    run([]() -> awaitable<void> {
        running_application r;
        r.b.start_time = 1h;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        co_await signalled(SIGUSR2);
        co_await settle();
        CHECK(life.done);
        CHECK(r.code == 0);
        CHECK(r.all == diary{"+a", "-a"});
    });
}

TEST_CASE("cancelling the run stops it as a request does") {
    run([]() -> awaitable<void> {
        running_application r;
        r.b.stop_time = 1s;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        life.cancel();
        co_await sleep_for(1s + 1ms);
        CHECK(life.done);
        CHECK(r.all == diary{"+a", "+b", "-b", "-a"});
    });
}

TEST_CASE("a stop that fails ends with 70") {
    run([]() -> awaitable<void> {
        running_application r;
        r.a.failing_stop = true;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        r.app.request_stop();
        co_await settle();
        CHECK(r.code == 70);
        CHECK(what(r.app.failure()) == "a does not stop well");
    });
}

TEST_CASE("a stop while it starts has the same limit, also for what was started") {
    for (const bool signals : {true, false}) {
        CAPTURE(signals);
        run([&](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
            auto options = running_application::quiet();
            options.drain_timeout = 2s;
            running_application r(std::move(options));
            r.a.stop_time = r.b.start_time = 1h;
            spawned life(co_await this_coro::executor, r.life());
            co_await settle();
            const auto begin = time.now();
            co_await signalled(SIGUSR2);
            CHECK(!life.done);
            if (signals)
                co_await signalled(SIGUSR2);
            else
                co_await sleep_for(2s);
            co_await settle();
            CHECK(life.done);
            CHECK(time.now() - begin == (signals ? 0s : 2s));
            CHECK(r.code == (signals ? 128 + SIGUSR2 : 0));
            CHECK(r.all == diary{"+a", "~a"});
        });
    }
}

TEST_CASE("a stop cancels on_ready, and where it comes first on_ready is not called") {
    run([]() -> awaitable<void> {
        int called = 0, cancelled = 0;
        auto options = running_application::quiet();
        options.on_ready = [&]() -> awaitable<void> {
            ++called;
            try {
                co_await sleep_for(1h);
            } catch (const rpc_error&) {
                ++cancelled;
                throw;
            }
        };
        running_application r(std::move(options));
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        r.app.request_stop();
        co_await settle();
        CHECK(life.done);
        CHECK(r.code == 0);
        CHECK(called == 1);
        CHECK(cancelled == 1);

        r.app.on_event = [&](const component_event& e) {
            if (&e.which == &r.b && e.what == component_event::kind::started) r.app.request_stop();
        };
        spawned again(co_await this_coro::executor, r.life());
        co_await settle();
        CHECK(again.done);
        CHECK(called == 1);
        CHECK(r.all.back() == "-a");
    });
}

TEST_CASE("after the run its signals have their usual effect again") {
    run([]() -> awaitable<void> {
        running_application r;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        CHECK(is_caught(SIGUSR2));
        r.app.request_stop();
        co_await settle();
        CHECK(life.done);
        CHECK(!is_caught(SIGUSR2));
    });
}

TEST_CASE("a stop that fails with a deadline or a cancellation of its own ends with 70") {
    for (const auto code : {errc::deadline_exceeded, errc::cancelled}) {
        run([&]() -> awaitable<void> {
            running_application r;
            r.a.failing_stop = true;
            r.a.stop_error = std::make_exception_ptr(rpc_error(code, "of an upstream"));
            spawned life(co_await this_coro::executor, r.life());
            co_await settle();
            r.app.request_stop();
            co_await settle();
            CHECK(r.code == 70);
            CHECK(what(r.app.failure()).find("of an upstream") != std::string::npos);
        });
    }
}

TEST_CASE("the first signal after a failure does not cut the drain short") {
    run([]() -> awaitable<void> {
        running_application r;
        r.b.stop_time = 5s;
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        r.a.fail_now("broken");
        co_await settle();
        co_await signalled(SIGUSR2);
        CHECK(!life.done);
        co_await sleep_for(5s + 1ms);
        CHECK(r.code == 70);
        CHECK(r.all == diary{"+a", "+b", "-b", "-a"});
    });
}

TEST_CASE("what on_stopping throws is reported, and all is stopped") {
    run([]() -> awaitable<void> {
        unhandled_log unhandled;
        auto options = running_application::quiet();
        options.on_stopping = [](int) { throw std::runtime_error("cannot say so"); };
        running_application r(std::move(options));
        spawned life(co_await this_coro::executor, r.life());
        co_await settle();
        r.app.request_stop();
        co_await settle();
        CHECK(r.code == 0);
        CHECK(unhandled.errors() == std::vector<std::string>{"cannot say so"});
        CHECK(r.all == diary{"+a", "+b", "-b", "-a"});
    });
}

} // TEST_SUITE("application")
