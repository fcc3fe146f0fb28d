#include "support/served.hpp"
#include "support/spawned.hpp"

#include <oocrpc/context.hpp>
#include <oocrpc/layers.hpp>
#include <oocrpc/pending.hpp>
#include <oocrpc/testing/unhandled_log.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

namespace {

using completion = pending<message>::completion;

/// A service whose one method, `later`, leaves its answers to the test.
struct open_calls {
    handler serve() {
        service s{""};
        s.on("later", [this](context& c, message&&) -> maybe_awaitable<message> {
            all.push_back(std::make_unique<completion>(c.later().complete()));
            all.back()->get_cancellation_slot().assign(
                [this](asio::cancellation_type) { ++cancelled; });
            return c.later();
        });
        return s;
    }
    /// Answers the oldest one.
    void answer(message m) {
        auto oldest = std::move(all.front());
        all.erase(all.begin());
        (*oldest)(std::move(m));
    }
    void answer(int n) {
        const auto v = bson::to_value(n);
        answer(message::reply(0, v));
    }

    std::vector<std::unique_ptr<completion>> all;
    int cancelled = 0;
};

} // namespace

TEST_SUITE("pending") {

TEST_CASE("a T goes to the one who receives, one after the other") {
    asio::io_context io;
    const any_io_executor executor = io.get_executor();
    pending<std::string> p(executor);
    std::string seen;
    for (const auto* round : {"a", "b"}) {
        auto done = p.complete();
        CHECK(p.under_way());
        p.receive([&](std::string&& s) { seen += s; });
        done(round);
        CHECK(!p.under_way());
    }
    CHECK(seen == "ab");
    const pending<std::string>::completion derived(p);
    CHECK(p.under_way());
}

TEST_CASE("what is brought before somebody receives it is kept") {
    asio::io_context io;
    const any_io_executor executor = io.get_executor();
    pending<message> p(executor);
    std::string name = "before";
    p.complete()(message::call(name));
    name = "after";
    std::string got;
    p.receive([&](message&& m) { got = m.method; });
    CHECK(got == "before");
}

TEST_CASE("a completion that is destroyed takes along who waits, and what that holds") {
    asio::io_context io;
    const any_io_executor executor = io.get_executor();
    auto p = std::make_unique<pending<int>>(executor);
    const std::weak_ptr<int> alive = [&] {
        auto held = std::make_shared<int>();
        const std::weak_ptr<int> weak = held;
        auto& open = *p;
        const auto done = open.complete();
        open.receive([held = std::move(held), p = std::move(p)](int) {});
        CHECK(!weak.expired());
        return weak;
    }();
    CHECK(alive.expired());
}

TEST_CASE("a coroutine awaits it, and cancelling that cancels the operation") {
    run([]() -> awaitable<void> {
        const auto executor = co_await this_coro::executor;
        pending<int> p(executor);
        int got = 0, cancelled = 0;
        auto wait = [&]() -> awaitable<void> { got = co_await p.wait(); };
        auto done = p.complete();
        done.get_cancellation_slot().assign([&](asio::cancellation_type) { ++cancelled; });
        spawned waiting(executor, wait());
        co_await settle();
        CHECK(cancelled == 0);
        waiting.cancel();
        CHECK(cancelled == 1);
        CHECK(!waiting.done);
        done(7);
        co_await settle();
        CHECK(waiting.done);
        CHECK(got == 7);
    });
}

TEST_CASE("a call is answered when the callback comes, and its layers are told") {
    std::vector<std::string> lines;
    open_calls calls;
    auto log = [&](const call_record& r) { lines.push_back(r.method + " " + r.error); };
    serving(logged(limited(calls.serve(), 2), log), [&](peer& p) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<std::string> outcomes;
        auto one = [&]() -> awaitable<void> { outcomes.push_back(co_await outcome(p, "later")); };
        spawned a(ex, one()), b(ex, one()), c(ex, one());
        co_await settle();
        CHECK(calls.all.size() == 2);
        CHECK(outcomes == std::vector<std::string>{"overloaded: 2 calls are running"});
        calls.answer(5);
        calls.answer(message::error(0, errc::internal, "no"));
        co_await settle();
        CHECK(outcomes ==
              std::vector<std::string>{"overloaded: 2 calls are running", "5", "internal: no"});
        CHECK(lines == std::vector<std::string>{"later overloaded", "later ", "later internal"});
        const auto again = co_await outcome(p, "missing");
        CHECK(again.starts_with("no_such_method"));
    });
}

TEST_CASE("a call that is given up, or runs out of time, cancels what would bring its answer") {
    open_calls calls;
    serving(with_timeout(calls.serve(), 100ms), [&](peer& p) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::string text;
        auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
        spawned given_up(ex, one());
        co_await settle();
        given_up.cancel();
        co_await settle();
        CHECK(calls.cancelled == 1);
        calls.answer(message::error(0, errc::cancelled, "over"));
        spawned late(ex, one());
        co_await sleep_for(101ms);
        CHECK(calls.cancelled == 2);
        calls.answer(message::error(0, errc::cancelled, "over"));
        co_await settle();
        CHECK(text == "deadline_exceeded: server deadline of 100 ms passed");
    });
}

TEST_CASE("a coroutine of a layer awaits an answer that a callback brings") {
    open_calls calls;
    auto twice = [inner = calls.serve()](context& c, message&& call) -> maybe_awaitable<message> {
        call.own();
        return [](const handler& h, context& c, message call) -> awaitable<message> {
            auto copy = call;
            auto first = h(c, std::move(copy));
            const message answer = co_await first.wait();
            CHECK(answer.body.as_int32() == 1);
            auto second = h(c, std::move(call));
            co_return co_await second.wait();
        }(inner, c, std::move(call));
    };
    serving(twice, [&](peer& p) -> awaitable<void> {
        std::string text;
        auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
        spawned a(co_await this_coro::executor, one());
        for (const int n : {1, 2}) {
            co_await settle();
            REQUIRE(calls.all.size() == 1);
            calls.answer(n);
        }
        co_await settle();
        CHECK(text == "2");
    });
}

TEST_CASE("an answer that nobody waits for any more reaches no other call") {
    open_calls calls;
    // Throws once the operation is under way: nobody will receive what it brings.
    auto careless = [inner = calls.serve()](context& c,
                                            message&& call) -> maybe_awaitable<message> {
        auto outcome = inner(c, std::move(call));
        if (c.meta().find("throw")) throw rpc_error(errc::invalid_argument, "too late");
        return outcome;
    };
    serving(careless, [&](peer& p) -> awaitable<void> {
        call_options options;
        options.meta.set("throw", "1");
        const auto refused = co_await outcome(p, "later", nullptr, std::move(options));
        CHECK(refused == "invalid_argument: too late");
        CHECK(calls.cancelled == 1);
        std::string text;
        auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
        spawned a(co_await this_coro::executor, one());
        co_await settle();
        REQUIRE(calls.all.size() == 2);
        calls.answer(1); // of the call that was refused
        co_await settle();
        CHECK(text == "");
        calls.answer(2);
        co_await settle();
        CHECK(text == "2");
    });
}

TEST_CASE("a call whose operation is given up as its connection closes is nobody's") {
    run([]() -> awaitable<void> {
        open_calls calls;
        linked w(co_await this_coro::executor, nullptr, calls.serve());
        std::string text;
        auto one = [&]() -> awaitable<void> { text = co_await outcome(peer(w.a), "later"); };
        spawned a(co_await this_coro::executor, one());
        co_await settle();
        REQUIRE(calls.all.size() == 1);
        rpc_error why(errc::unavailable, "over");
        w.b->close(why);
        calls.all.clear();
        CHECK(w.b->suspended().empty());
        co_await settle();
        CHECK(text.starts_with("unavailable"));
        CHECK(calls.cancelled == 0);
        co_await w.close();
    });
}

TEST_CASE("a call whose operation is given up is answered by an error") {
    open_calls calls;
    serving(calls.serve(), [&](peer& p) -> awaitable<void> {
        std::string text;
        auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
        spawned a(co_await this_coro::executor, one());
        co_await settle();
        calls.all.clear();
        co_await settle();
        CHECK(text == "internal: the call was given up");
    });
}

TEST_CASE("a layer that cancels the call as it begins to wait cancels its operation") {
    open_calls calls;
    auto hasty = [inner = calls.serve()](context& c, message&& call) -> maybe_awaitable<message> {
        auto outcome = inner(c, std::move(call));
        c.cancel();
        return outcome;
    };
    serving(hasty, [&](peer& p) -> awaitable<void> {
        std::string text;
        auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
        spawned a(co_await this_coro::executor, one());
        co_await settle();
        CHECK(calls.cancelled == 1);
        calls.answer(message::error(0, errc::cancelled, "stopped"));
        co_await settle();
        CHECK(text == "cancelled: stopped");
    });
}

TEST_CASE(
    "the end of a call is told once, with its answer, and what a listener throws is reported") {
    open_calls calls;
    std::string ends;
    auto listening = [&, inner = calls.serve()](context& c,
                                                message&& call) -> maybe_awaitable<message> {
        auto outcome = inner(c, std::move(call));
        c.at_end([&](const message& m) {
            ends += std::to_string(m.body.as_int32());
            throw std::runtime_error("a listener fails");
        });
        c.at_end([&](const message&) { ends += "."; });
        return outcome;
    };
    testing::unhandled_log reported;
    serving(listening, [&](peer& p) -> awaitable<void> {
        for (const int n : {1, 2}) {
            std::string text;
            auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
            spawned a(co_await this_coro::executor, one());
            co_await settle();
            calls.answer(n);
            co_await settle();
            CHECK(text == std::to_string(n));
        }
    });
    CHECK(ends == "1.2.");
    CHECK(reported.errors() == std::vector<std::string>(2, "a listener fails"));
}

TEST_CASE("calls may stay open when the connection ends") {
    open_calls calls;
    run([&]() -> awaitable<void> {
        const auto executor = co_await this_coro::executor;
        connection_options ours, theirs;
        linked w(executor, nullptr, calls.serve(), std::move(ours), std::move(theirs));
        std::string text;
        peer p(w.a);
        auto one = [&]() -> awaitable<void> { text = co_await outcome(p, "later"); };
        spawned a(executor, one());
        co_await settle();
        REQUIRE(calls.all.size() == 1);
        co_await w.close();
        co_await settle();
        CHECK(calls.cancelled == 1);
        CHECK(text.starts_with("unavailable"));
        calls.answer(3); // nobody hears it
        co_await settle();
        CHECK(w.b_end.times == 1);
    });
}

} // TEST_SUITE("pending")
