// The calls that a connection makes, against a scripted peer.

#include "support/wire.hpp"

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

/// Runs `f` against a peer with `steps`, which both have to come to their end.
using body = std::function<awaitable<void>(scripted&)>;
void against(script steps, body f, connection_options options = {}) {
    run([&]() -> awaitable<void> {
        scripted w(co_await this_coro::executor, nullptr, std::move(options));
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        co_await f(w);
        auto finished = [&] { return peer.done; };
        co_await until(finished);
        CHECK(peer.done);
        CHECK(what(peer.error) == "");
        rpc_error why(errc::unavailable, "the case is over");
        w.mine->close(why);
        co_await settle();
        CHECK(w.end.times == 1);
    });
}

} // namespace

TEST_SUITE("connection") {

TEST_CASE("a call carries the default deadline and gets its reply") {
    script steps{expect{R"({"call": {"funcname": "f"}, "id": "$id", "timeout_ms": 10000})"},
                 sends{R"({"reply": 42, "id": "$id"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe call(w.mine, "f");
        co_await settle();
        CHECK(call.outcome() == "42");
        CHECK(!call.code());
    });
}

TEST_CASE("calls in flight are answered in any order") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b"})"},
                 sends{R"({"reply": "b", "id": "$b"})"}, sends{R"({"reply": "a", "id": "$a"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a"), b(w.mine, "b");
        co_await settle();
        CHECK(a.outcome() == R"("a")");
        CHECK(b.outcome() == R"("b")");
    });
}

TEST_CASE("a peer without ids answers in order, and a cancelled call keeps its place") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$_"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$_"})"}, pass_time{10ms},
                 // Not a cancel, but a call that would make an extended peer show itself.
                 expect{R"({"call": {"funcname": "oocrpc.ping"}, "id": "$_"})"},
                 sends{R"({"reply": "for a"})"}, sends{R"({"reply": "for b"})"},
                 sends{R"({"error": {"message": "unknown", "detail": "oocrpc.ping"}})"},
                 // Not one cancel came in between.
                 expect{R"({"call": {"funcname": "c"}, "id": "$_"})"},
                 sends{R"({"error": {"message": "mine", "detail": "for c"}})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a"), b(w.mine, "b");
        co_await settle();
        a.cancel();
        co_await sleep_for(20ms);
        CHECK(a.outcome() == "cancelled: the caller gave up");
        CHECK(b.outcome() == R"("for b")");
        call_probe c(w.mine, "c");
        co_await settle();
        CHECK(c.outcome() == "mine: for c");
        CHECK(c.code().value() == 8000);
    });
}

TEST_CASE("a cancel goes out as soon as the peer has shown that it knows ids") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b"})"},
                 pass_time{10ms},
                 expect{R"({"call": {"funcname": "oocrpc.ping"}, "id": "$p"})"},
                 sends{R"({"reply": 1, "id": "$b"})"},
                 expect{R"({"info": {"cancel": "$a"}})"},
                 sends{R"({"reply": null, "id": "$p"})"},
                 sends{R"({"error": {"message": "cancelled", "detail": ""}, "id": "$a"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a"), b(w.mine, "b");
        co_await settle();
        a.cancel();
        co_await sleep_for(20ms);
        CHECK(a.outcome() == "cancelled: the caller gave up");
        CHECK(b.outcome() == "1");
    });
}

TEST_CASE("what is sent just before the connection is closed still leaves") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$_", "oneway": true})"},
                 expect_close{}};
    against(steps, [](scripted& w) -> awaitable<void> {
        auto m = message::call("a");
        m.oneway = true;
        call_probe a(w.mine, std::move(m));
        const rpc_error over(errc::unavailable, "that was all");
        w.mine->close(over);
        co_await settle();
    });
}

TEST_CASE("a one-way call is done when it is on its way, and keeps its place for a base peer") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$_", "oneway": true})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$_"})"}, pass_time{10ms},
                 sends{R"({"reply": "noreply"})"}, sends{R"({"reply": "for b"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        auto m = message::call("a");
        m.oneway = true;
        call_probe a(w.mine, std::move(m)), b(w.mine, "b");
        co_await settle();
        CHECK(a.outcome() == "null");
        CHECK(!b.done());
        co_await sleep_for(20ms);
        CHECK(b.outcome() == R"("for b")");
    });
}

TEST_CASE("a reply that nobody asked for does nothing") {
    script steps{sends{R"({"reply": 1})"},
                 sends{R"({"reply": 1, "id": 99})"},
                 sends{R"({"reply": 1, "id": 99, "more": true})"},
                 sends{R"({"error": {"message": "mine", "detail": ""}, "id": 77})"},
                 sends{R"({"info": {"cancel": 5}})"},
                 sends{R"({"info": {"credit": {"id": 5, "n": 5}}})"},
                 sends{R"({"info": {"pong": 5}})"},
                 sends{R"({"info": {"unheard": "of"}})"},
                 expect{R"({"call": {"funcname": "f"}, "id": "$id"})"},
                 sends{R"({"reply": 1, "id": "$id"})"},
                 sends{R"({"reply": 2, "id": "$id"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        co_await settle();
        call_probe call(w.mine, "f");
        co_await settle();
        CHECK(call.outcome() == "1");
        CHECK(w.mine->usable());
    });
}

TEST_CASE("the deadline of a call ends it here and tells the peer") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a", "timeout_ms": 250})"},
                 sends{R"({"reply": 1, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b", "timeout_ms": 100})"},
                 expect{R"({"info": {"cancel": "$b"}})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a", 250ms);
        co_await settle();
        call_probe b(w.mine, "b", 100ms);
        co_await sleep_for(99ms);
        CHECK(!b.done());
        co_await sleep_for(1ms);
        CHECK(b.outcome() == "deadline_exceeded: call deadline of 100 ms passed");
    });
}

TEST_CASE("the default deadline says that it is the default") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a", "timeout_ms": 10000})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a");
        co_await sleep_for(10s);
        CHECK(a.outcome() == "deadline_exceeded: default deadline of 10000 ms passed");
    });
}

TEST_CASE("where both ends see the deadline pass, the text names who set it") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a", "timeout_ms": 50})"},
                 pass_time{20ms}, sends{R"({"error": {"message": "deadline_exceeded",
                          "detail": "server deadline of 20 ms passed"}, "id": "$a"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a", 50ms);
        co_await sleep_for(30ms);
        CHECK(a.outcome() == "deadline_exceeded: server deadline of 20 ms passed");
    });
}

TEST_CASE("a call without a deadline carries none") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"}, pass_time{60s},
                 sends{R"({"reply": 1, "id": "$a"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a", deadline::none());
        co_await sleep_for(61s);
        CHECK(a.outcome() == "1");
    });
}

TEST_CASE("a deadline of nothing fails at once and sends nothing") {
    script steps{expect{R"({"call": {"funcname": "b"}, "id": "$b"})"},
                 sends{R"({"reply": 1, "id": "$b"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a", 0ms);
        CHECK(!a.done()); // never from within the call
        co_await settle();
        CHECK(a.outcome() == "deadline_exceeded: call deadline of 0 ms passed");
        call_probe b(w.mine, "b");
        co_await settle();
        CHECK(b.outcome() == "1");
    });
}

TEST_CASE("an answer that comes a byte at a time is the same answer") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 send_bytewise{R"({"reply": {"text": "slow"}, "id": "$a"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a");
        auto done = [&] { return a.done(); };
        co_await until(done);
        CHECK(a.outcome() == R"({"text":"slow"})");
    });
}

TEST_CASE("when the peer hangs up every waiter is told once") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b"})"},
                 send_half{R"({"reply": 1, "id": "$a"})"}, close_stream{}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a"), b(w.mine, "b");
        co_await settle();
        CHECK(a.outcome() == "unavailable: the peer closed the connection");
        CHECK(b.outcome() == "unavailable: the peer closed the connection");
        CHECK(w.mine->closed());
        call_probe late(w.mine, "c");
        co_await settle();
        CHECK(late.outcome() == "unavailable: the connection is closed");
    });
}

TEST_CASE("what the peer said before it hung up is what the waiters are told") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 sends{R"({"reply": 1, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b"})"},
                 sends{R"({"error": {"message": "protocol_error", "detail": "offset 7: no"}})"},
                 close_stream{}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a");
        co_await settle();
        call_probe b(w.mine, "b");
        co_await settle();
        CHECK(b.outcome() == "unavailable: protocol_error: offset 7: no");
    });
}

TEST_CASE("an answer that breaks the protocol fails the waiters and ends the connection") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 sends{R"({"reply": 1, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b"})"},
                 sends{R"({"reply": 1, "error": {"message": "x", "detail": ""}})"},
                 expect{R"({"error": {"message": "protocol_error", "detail": "$why"}})"},
                 expect_close{}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe a(w.mine, "a");
        co_await settle();
        call_probe b(w.mine, "b");
        co_await settle();
        CHECK(b.outcome() == "protocol_error: the peer sent: a frame holds one of call, reply, "
                             "error and info; found more than one");
        CHECK(w.theirs.bound("$why") ==
              "a frame holds one of call, reply, error and info; found more than one");
    });
}

TEST_CASE("a ping is answered, also to whoever never calls") {
    script steps{sends{R"({"info": {"ping": 7}})"}, expect{R"({"info": {"pong": 7}})"}};
    against(steps, [](scripted&) -> awaitable<void> { co_await settle(); });
}

TEST_CASE("after goaway nothing new is placed, and the connection ends with its last answer") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 sends{R"({"info": {"goaway": "draining"}})"}, pass_time{10ms},
                 sends{R"({"reply": 1, "id": "$a"})"}, expect_close{}};
    std::string why;
    connection_options options;
    options.on_goaway = [&](std::string_view text) { why = text; };
    against(
        steps,
        [&](scripted& w) -> awaitable<void> {
            call_probe a(w.mine, "a");
            co_await settle();
            CHECK(!w.mine->usable());
            CHECK(!w.mine->closed());
            CHECK(why == "draining");
            co_await sleep_for(20ms);
            CHECK(a.outcome() == "1");
            CHECK(w.mine->closed());
        },
        std::move(options));
}

TEST_CASE("a goaway does not end a connection that expects a call from another thread") {
    script steps{sends{R"({"info": {"goaway": "draining"}})"},
                 expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 sends{R"({"reply": 1, "id": "$a"})"}, pass_time{10ms}, expect_close{}};
    against(steps, [&](scripted& w) -> awaitable<void> {
        auto expecting = w.mine->expect_call();
        co_await settle();
        CHECK(!w.mine->usable());
        REQUIRE(!w.mine->closed());
        call_probe a(expecting, "a");
        co_await settle();
        CHECK(a.outcome() == "1");
        CHECK(!w.mine->closed());
        expecting.reset();
        co_await sleep_for(20ms);
        CHECK(w.mine->closed());
    });
}

TEST_CASE("a call larger than the limit is refused here, and the next one passes") {
    connection_options options;
    options.limit.max_message = 100;
    script steps{expect{R"({"call": {"funcname": "small"}, "id": "$a"})"},
                 sends{R"({"reply": 1, "id": "$a"})"}};
    against(
        steps,
        [](scripted& w) -> awaitable<void> {
            const std::string name(200, 'x');
            call_probe large(w.mine, name);
            auto m = message::call(name);
            m.oneway = true;
            call_probe oneway(w.mine, std::move(m));
            call_probe small(w.mine, "small");
            co_await settle();
            CHECK(large.outcome() ==
                  "message_too_large: the call exceeds the limit of a message, 100 bytes");
            CHECK(oneway.outcome() == large.outcome());
            CHECK(small.outcome() == "1");
        },
        std::move(options));
}

TEST_CASE("a call that BSON cannot hold is refused here, and the connection lives on") {
    script steps{expect{R"({"call": {"funcname": "b"}, "id": "$b", "meta": {"k": "v"}})"},
                 sends{R"({"reply": 1, "id": "$b"})"}};
    against(steps, [](scripted& w) -> awaitable<void> {
        call_probe name(w.mine, "\xff");
        call_options bad{{}, {{"key", "\xc3("}}}, good{{}, {{"k", "v"}}};
        call_probe meta(w.mine, message::call("a"), std::move(bad));
        call_probe fine(w.mine, message::call("b"), std::move(good));
        co_await settle();
        CHECK(name.outcome() ==
              "invalid_argument: a text of the call is not UTF-8, or a key holds NUL");
        CHECK(meta.outcome() == name.outcome());
        CHECK(fine.outcome() == "1");
    });
}

TEST_CASE("more calls than the limit are refused as overloaded, and counted once each") {
    connection_options options;
    options.limit.max_outgoing = 3;
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "a"}, "id": "$b"})"},
                 expect{R"({"call": {"funcname": "a"}, "id": "$c"})"},
                 pass_time{10ms},
                 sends{R"({"reply": 1, "id": "$b"})"},
                 expect{R"({"call": {"funcname": "e"}, "id": "$e"})"},
                 sends{R"({"reply": 1, "id": "$e"})"}};
    against(
        steps,
        [](scripted& w) -> awaitable<void> {
            call_probe a(w.mine, "a"), b(w.mine, "a"), c(w.mine, "a"), d(w.mine, "d");
            co_await settle();
            CHECK(d.outcome() == "overloaded: 3 calls are in flight on the connection");
            co_await sleep_for(20ms);
            CHECK(b.outcome() == "1");
            call_probe e(w.mine, "e");
            co_await settle();
            CHECK(e.outcome() == "1");
            CHECK(!a.done());
        },
        std::move(options));
}

TEST_CASE("calls to a peer that does not read wait here, and one that gives up is never sent") {
    connection_options options;
    options.limit.max_queued = 1000;
    run([&]() -> awaitable<void> {
        scripted w(co_await this_coro::executor, nullptr, std::move(options));
        std::deque<call_probe> calls;
        const std::string name(100'000, 'x');
        for (int i = 0; i < 10; ++i) {
            if (i == 9) {
                auto m = message::call(name);
                m.oneway = true;
                calls.emplace_back(w.mine, std::move(m));
            } else {
                calls.emplace_back(w.mine, name);
            }
        }
        co_await settle();
        CHECK(w.mine->waiting() == 10); // the one-way call is not on its way yet
        calls[8].cancel();
        co_await settle();
        CHECK(calls[8].outcome() == "cancelled: the caller gave up");
        for (int i = 0; i < 9; ++i) {
            auto got = co_await w.theirs.next_frame();
            REQUIRE(got.contains("call"));
            CHECK(got.contains("oneway") == (i == 8));
        }
        co_await settle();
        CHECK(calls[9].outcome() == "null");
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
        for (int i = 0; i < 8; ++i)
            CHECK(calls[static_cast<std::size_t>(i)].outcome() == "unavailable: over");
    });
}

TEST_CASE("a waiter may close the connection that tells it, call again, and forget it") {
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"},
                 expect{R"({"call": {"funcname": "b"}, "id": "$b"})"}, pass_time{1ms},
                 sends{R"({"reply": 1, "id": "$a"})"}, expect_close{}};
    against(steps, [](scripted& w) -> awaitable<void> {
        int told = 0;
        std::string again;
        auto c = w.mine;
        call_options options, more;
        auto closes = [&](std::error_code, message) {
            ++told;
            rpc_error why(errc::unavailable, "closed by a waiter");
            c->close(why);
            c->async_call(message::call("c"), std::move(more),
                          [&](std::error_code, message m) { again = m.fault->detail; });
            c.reset();
        };
        w.mine->async_call(message::call("a"), std::move(options),
                           asio::bind_executor(w.mine->get_executor(), closes));
        call_probe b(w.mine, "b");
        co_await sleep_for(5ms);
        CHECK(told == 1);
        CHECK(b.outcome() == "unavailable: closed by a waiter");
        CHECK(again == "the connection is closed");
    });
}

TEST_CASE("a waiter that closes the connection while all are told leaves no timer behind") {
    // The peer hangs up: the waiters are told before the connection is closed.
    script steps{expect{R"({"call": {"funcname": "a"}, "id": "$a"})"}, close_stream{}};
    against(steps, [](scripted& w) -> awaitable<void> {
        auto closes = [&](std::error_code, message) {
            rpc_error why(errc::unavailable, "closed by a waiter");
            w.mine->close(why);
        };
        call_options options;
        w.mine->async_call(message::call("a"), std::move(options),
                           asio::bind_executor(w.mine->get_executor(), closes));
        co_await settle();
        CHECK(w.mine->closed());
        CHECK(clock::of(w.mine->get_executor()).armed() == 0);
    });
}

} // TEST_SUITE("connection")
