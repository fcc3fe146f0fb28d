#include "support/served.hpp"

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

constexpr method<stream<int>(int)> count{"count", {"n"}};
constexpr method<stream<int>(int)> broken{"broken", {"n"}};
constexpr method<stream<std::string>(int)> texts{"texts", {"size"}};

/// Streams, and how far its handlers came.
struct source {
    int sent = 0, ended = 0, cancelled = 0;

    service make() {
        service s{""};
        s.on(count, [this](int n, sink<int>& out) { return run(n, out); })
            .on(broken,
                [](int n, sink<int>& out) -> awaitable<void> {
                    for (int i = 0; i < n; ++i) co_await out.send(i);
                    throw rpc_error("mine", "in mid stream");
                })
            .on(texts, [](int size, sink<std::string>& out) -> awaitable<void> {
                std::string text(static_cast<std::size_t>(size), 'x');
                co_await out.send(text);
            });
        return s;
    }
    awaitable<void> run(int n, sink<int>& out) {
        try {
            for (int i = 0; i < n; ++i) {
                co_await out.send(i);
                ++sent;
            }
        } catch (const rpc_error& e) {
            if (e.code() == errc::cancelled) ++cancelled;
            throw;
        }
        ++ended;
    }
};

awaitable<std::string> drained(stream<int>& items) {
    std::string all, end = "end";
    try {
        while (auto i = co_await items.next()) all += std::to_string(*i) + " ";
    } catch (const rpc_error& e) {
        end = e.what();
    }
    co_return all + end;
}

} // namespace

TEST_SUITE("streaming") {

TEST_CASE("a stream gives its items in order, then its end again and again") {
    source from;
    serving(from.make(), [](peer& p) -> awaitable<void> {
        auto items = co_await p.open(count, 5);
        CHECK(co_await drained(items) == "0 1 2 3 4 end");
        CHECK(co_await drained(items) == "end");
        auto none = co_await p.open(count, 0);
        CHECK(co_await drained(none) == "end");
        auto many = co_await p.open(count, 1000);
        const auto text = co_await drained(many);
        CHECK(text.ends_with("998 999 end"));
    });
}

TEST_CASE("an error in mid stream comes after the items before it") {
    source from;
    serving(from.make(), [](peer& p) -> awaitable<void> {
        auto items = co_await p.open(broken, 2);
        CHECK(co_await drained(items) == "0 1 mine: in mid stream");
        CHECK(co_await drained(items) == "mine: in mid stream");
    });
}

TEST_CASE("the callee is never more than the window ahead") {
    source from;
    serving(from.make(), [&](peer& p) -> awaitable<void> {
        auto items = co_await p.open(count, 10'000);
        co_await settle();
        CHECK(from.sent == caller::default_window);
        for (int i = 0; i < 100; ++i) co_await items.next();
        co_await settle();
        CHECK(from.sent >= 100);
        CHECK(from.sent <= 100 + caller::default_window);
    });
    CHECK(from.cancelled == 1);
}

TEST_CASE("dropping a stream stops the handler") {
    source from;
    serving(from.make(), [&](peer& p) -> awaitable<void> {
        {
            auto items = co_await p.open(count, 10'000);
            co_await items.next();
        }
        co_await settle();
        CHECK(from.cancelled == 1);
        CHECK(from.ended == 0);
    });
}

TEST_CASE("whoever waits for an item may be cancelled, and the stream goes on") {
    promise<void> gate;
    service s{""};
    s.on(count, [&](int n, sink<int>& out) -> awaitable<void> {
        co_await gate.wait();
        for (int i = 0; i < n; ++i) co_await out.send(i);
    });
    serving(s, [&](peer& p) -> awaitable<void> {
        auto items = co_await p.open(count, 2);
        for (int i = 0; i < 2; ++i) {
            bool cancelled = false;
            auto wait = [&]() -> awaitable<void> {
                try {
                    co_await items.next();
                } catch (const rpc_error& e) {
                    cancelled = e.code() == errc::cancelled;
                }
            };
            spawned waiting(co_await this_coro::executor, wait());
            co_await settle();
            waiting.cancel();
            co_await settle();
            CHECK(cancelled);
        }
        gate.fire();
        CHECK(co_await drained(items) == "0 1 end");
    });
}

TEST_CASE("a deadline ends a stream at both ends") {
    promise<void> never;
    service s{""};
    bool stopped = false;
    s.on(count, [&](int n, sink<int>& out) -> awaitable<void> {
        for (int i = 0; i < n; ++i) co_await out.send(i);
        try {
            co_await never.wait();
        } catch (const rpc_error&) {
            stopped = true;
        }
    });
    serving(s, [&](peer& p) -> awaitable<void> {
        auto items = co_await p.open(count.with(50ms), 2);
        CHECK(co_await drained(items) == "0 1 deadline_exceeded: call deadline of 50 ms passed");
        co_await settle();
        CHECK(stopped);
    });
}

TEST_CASE("a caller that takes no stream gets all items as one array") {
    source from;
    connection_options options;
    options.limit.max_message = 1000;
    ask(from.make(),
        {{"count", "[3]", "[0,1,2]"},
         {"count", "[0]", "[]"},
         {"broken", "[1]", "mine: in mid stream"},
         {"texts", "[2000]",
          "message_too_large: the items exceed the limit of a message, 1000 bytes; call it as a "
          "stream"}},
        std::move(options));
}

TEST_CASE("an item beyond the limit of a message ends the stream with one error") {
    source from;
    connection_options options;
    options.limit.max_message = 1000;
    auto body = [](peer& p) -> awaitable<void> {
        auto items = co_await p.open(texts, 2000);
        std::string text;
        try {
            co_await items.next();
        } catch (const rpc_error& e) {
            text = e.what();
        }
        CHECK(text == "message_too_large: an item exceeds the limit of a message, 1000 bytes");
    };
    serving(from.make(), body, std::move(options));
}

TEST_CASE("a stream from a server that knows none is its array, or its one value") {
    run([]() -> awaitable<void> {
        scripted w(co_await this_coro::executor);
        script steps{expect{R"({"call": {"funcname": "count", "arguments": [3]}, "id": "$_",
                                "stream": 32})"},
                     sends{R"({"reply": [7, 8, 9]})"},
                     expect{R"({"call": {"funcname": "count", "arguments": [1]}, "id": "$_",
                                "stream": 32})"},
                     sends{R"({"reply": 5})"}};
        auto playing = w.theirs.play(std::move(steps));
        spawned other(co_await this_coro::executor, std::move(playing));
        peer p(w.mine);
        auto items = co_await p.open(count, 3);
        CHECK(co_await drained(items) == "7 8 9 end");
        auto one = co_await p.open(count, 1);
        CHECK(co_await drained(one) == "5 end");
        CHECK(what(other.error) == "");
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("credit is granted as items are taken, and a peer that ignores it is stopped") {
    run([]() -> awaitable<void> {
        scripted w(co_await this_coro::executor);
        const std::string item = R"({"reply": 1, "id": "$id", "more": true})";
        script steps{expect{R"({"call": {"funcname": "f"}, "id": "$id", "stream": 4})"},
                     sends{item},
                     sends{item},
                     expect{R"({"info": {"credit": {"id": "$id", "n": 2}}})"},
                     sends{item},
                     sends{item},
                     sends{item},
                     sends{item},
                     pass_time{1ms},
                     sends{item},
                     expect{R"({"info": {"cancel": "$id"}})"},
                     sends{item}};
        auto playing = w.theirs.play(std::move(steps));
        spawned other(co_await this_coro::executor, std::move(playing));
        peer p(w.mine);
        call_options options;
        auto items = co_await p.open(message::call("f"), std::move(options), 4);
        co_await items->next();
        co_await items->next();
        co_await sleep_for(5ms);
        for (int i = 0; i < 4; ++i) {
            const auto m = co_await items->next();
            CHECK(m.kind == message_kind::item);
        }
        const auto end = co_await items->next();
        REQUIRE(end.fault);
        CHECK(end.to_exception().what() ==
              std::string("protocol_error: the peer sent more items than it was granted"));
        co_await settle();
        CHECK(other.done);
        CHECK(what(other.error) == "");
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("a one-way call of a streaming method runs to its end") {
    source from;
    serving(from.make(), [&](peer& p) -> awaitable<void> {
        byte_buffer arguments;
        bson::array_writer array(arguments);
        array.add(100);
        array.finish();
        auto m = message::call("count", {bson::type::array, arguments});
        m.oneway = true;
        m.credit = 1;
        co_await p.exchange(std::move(m));
        co_await settle();
        CHECK(from.ended == 1);
    });
}

} // TEST_SUITE("streaming")
