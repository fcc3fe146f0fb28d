// The calls that a peer makes on a connection.

#include "support/wire.hpp"

#include <oocrpc/service.hpp>
#include <oocrpc/streaming.hpp>
#include <oocrpc/when.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

constexpr method<int(int, int)> add{"add", {"a", "b"}};
constexpr method<int(int)> slow{"slow", {"ms"}};
constexpr method<void()> nothing{"nothing"};
constexpr method<std::string(int)> big{"big", {"n"}};
constexpr method<stream<int>()> numbers{"numbers"};

/// What the handlers of a case have seen.
struct seen {
    int begun = 0, finished = 0, cancelled = 0;
};

service make_service(seen& l) {
    service s{""};
    s.on(add,
         [&l](int a, int b) {
             ++l.begun;
             return a + b;
         })
        .on(slow,
            [&l](int ms) -> awaitable<int> {
                ++l.begun;
                std::exception_ptr failure;
                try {
                    co_await sleep_for(std::chrono::milliseconds(ms));
                    ++l.finished;
                } catch (...) {
                    failure = std::current_exception();
                    if (is_cancelled(failure)) ++l.cancelled;
                }
                if (failure) std::rethrow_exception(failure);
                co_return ms;
            })
        .on(nothing, [] {})
        .on(big, [&l](int n) {
            ++l.begun;
            return std::string(static_cast<std::size_t>(n), 'x');
        });
    return s;
}

/// A peer with `steps` calls a connection that serves.
void serving(script steps, connection_options options = {}, seen* l = nullptr,
             handler h = nullptr) {
    run([&]() -> awaitable<void> {
        seen own;
        handler table = h ? h : handler(make_service(l ? *l : own));
        scripted w(co_await this_coro::executor, std::move(table), std::move(options));
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        while (!peer.done) co_await sleep_for(1ms);
        CHECK(what(peer.error) == "");
        rpc_error why(errc::unavailable, "the case is over");
        w.mine->close(why);
        co_await settle();
        CHECK(w.end.times == 1);
        CHECK(w.mine->running() == 0);
    });
}

std::string call(std::string_view name, std::string_view arguments, std::string_view more = "") {
    return R"({"call": {"funcname": ")" + std::string(name) + R"(", "arguments": )" +
           std::string(arguments) + "}" + std::string(more) + "}";
}

std::string frames(std::vector<message> all, const std::vector<std::int64_t>& ids) {
    byte_buffer out;
    native_codec codec;
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].id = ids.at(i);
        REQUIRE(codec.encode(all[i], out) == encoded::done);
    }
    return {reinterpret_cast<const char*>(out.data()), out.size()};
}

std::vector<std::int64_t> ids_in(std::string_view data) {
    bytes in(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
    std::vector<std::int64_t> ids;
    native_codec codec;
    for (message m; !in.empty(); m = {}) {
        const auto d = codec.decode(in, m);
        REQUIRE(d.what == decoded::state::message);
        ids.push_back(m.id);
        in = in.subspan(d.size);
    }
    return ids;
}

} // namespace

TEST_SUITE("connection") {

TEST_CASE("a base peer is answered in the order of its calls, whatever order they end in") {
    serving({sends{call("slow", "[30]")}, sends{call("slow", "[10]")}, sends{call("add", "[1, 2]")},
             sends{call("nothing", "[]")}, sends{call("missing", "[]")}, expect{R"({"reply": 30})"},
             expect{R"({"reply": 10})"}, expect{R"({"reply": 3})"},
             expect{R"({"reply": "noreply"})"}, expect{R"({"error": {"message": "no_such_method",
                     "detail": "'missing': no such method"}})"}});
}

TEST_CASE("an extended peer is answered as soon as each call ends") {
    serving({sends{call("slow", "[30]", R"(, "id": 1)")},
             sends{call("slow", "[10]", R"(, "id": 2)")},
             sends{call("nothing", "[]", R"(, "id": 3)")}, expect{R"({"reply": null, "id": 3})"},
             expect{R"({"reply": 10, "id": 2})"}, expect{R"({"reply": 30, "id": 1})"}});
}

TEST_CASE("a one-way call is served and not answered, not even with an error") {
    seen l;
    serving({sends{call("add", "[1, 2]", R"(, "id": 1, "oneway": true)")},
             sends{call("slow", "[5]", R"(, "oneway": true)")},
             sends{call("missing", "[]", R"(, "id": 2, "oneway": true)")},
             sends{call("add", "[3, 4]")}, expect{R"({"reply": 7})"}, pass_time{10ms},
             sends{call("add", "[5, 6]")}, expect{R"({"reply": 11})"}},
            {}, &l);
    CHECK(l.begun == 4);
    CHECK(l.finished == 1);
}

TEST_CASE("a cancel stops the handler and is answered by one error") {
    seen l;
    serving({sends{call("slow", "[60000]", R"(, "id": 1)")}, pass_time{5ms},
             sends{R"({"info": {"cancel": 1}})"}, sends{R"({"info": {"cancel": 1}})"},
             expect{R"({"error": {"message": "cancelled", "detail": "$_", "code": 11601},
                        "id": 1})"},
             sends{R"({"info": {"cancel": 1}})"}, sends{call("add", "[1, 2]", R"(, "id": 1)")},
             expect{R"({"reply": 3, "id": 1})"}},
            {}, &l);
    CHECK(l.cancelled == 1);
    CHECK(l.finished == 0);
}

TEST_CASE("a deadline that arrives with a call ends it, and the text says whose it was") {
    seen l;
    serving({sends{call("slow", "[60000]", R"(, "id": 1, "timeout_ms": 20)")},
             expect{R"({"error": {"message": "deadline_exceeded",
                     "detail": "caller's deadline of 20 ms passed", "code": 50}, "id": 1})"},
             sends{call("slow", "[1]", R"(, "id": 2, "timeout_ms": 0)")},
             expect{R"({"error": {"message": "deadline_exceeded",
                     "detail": "caller's deadline of 0 ms passed", "code": 50}, "id": 2})"}},
            {}, &l);
    CHECK(l.cancelled == 1);
    CHECK(l.begun == 1); // the second was never begun
}

TEST_CASE("a call that arrives without a deadline runs without one") {
    serving(
        {sends{call("slow", "[100000]", R"(, "id": 1)")}, expect{R"({"reply": 100000, "id": 1})"}});
}

TEST_CASE("the server's own limit of time ends a call") {
    connection_options options;
    options.max_call_time = 50ms;
    serving({sends{call("slow", "[60000]", R"(, "id": 1)")},
             sends{call("slow", "[60000]", R"(, "id": 2, "timeout_ms": 20)")},
             expect{R"({"error": {"message": "deadline_exceeded",
                     "detail": "caller's deadline of 20 ms passed", "code": 50}, "id": 2})"},
             expect{R"({"error": {"message": "deadline_exceeded",
                     "detail": "server deadline of 50 ms passed", "code": 50}, "id": 1})"}},
            std::move(options));
}

TEST_CASE("an id that is in flight already ends the connection, and the calls on it") {
    seen l;
    serving({sends{call("slow", "[60000]", R"(, "id": 1)")},
             sends{call("add", "[1, 2]", R"(, "id": 1)")},
             expect{R"({"error": {"message": "protocol_error",
                     "detail": "call id 1 is already in flight"}})"},
             // Its handler is cancelled, but that error was the last word.
             expect_close{}},
            {}, &l);
    CHECK(l.cancelled == 1);
}

TEST_CASE("each kind of bad frame is answered by one protocol_error, then the connection ends") {
    const std::pair<std::string, std::string> cases[] = {
        {std::string("\0\0\0\0", 4), "a frame of 0 bytes is shorter than the smallest document"},
        {std::string("\0\0\0\x04", 4), "a frame of 4 bytes is shorter than the smallest document"},
        {std::string("\xff\xff\xff\xff", 4),
         "a frame of 4294967295 bytes exceeds the limit of 16777216"},
        {std::string("GET / HTTP/1.1\r\n\r\n"),
         "a frame of 1195725856 bytes exceeds the limit of 16777216"},
        {frame(R"({"id": 5})"), "a frame holds one of call, reply, error and info; found none"},
        {frame(R"({"call": {}})"), "call.funcname is missing"},
    };
    for (auto& [data, detail] : cases) {
        CAPTURE(detail);
        json answer;
        answer["error"]["message"] = "protocol_error";
        answer["error"]["detail"] = detail;
        serving({sends{call("add", "[1, 2]")}, expect{R"({"reply": 3})"}, send_bytes{data},
                 expect{answer.dump()}, expect_close{}});
    }
}

TEST_CASE("a peer that hangs up cancels its calls") {
    seen l;
    serving({sends{call("slow", "[60000]", R"(, "id": 1)")}, sends{call("slow", "[60000]")},
             pass_time{5ms}, close_stream{}, pass_time{5ms}},
            {}, &l);
    CHECK(l.begun == 2);
    CHECK(l.cancelled == 2);
}

TEST_CASE("calls beyond the limit are refused as overloaded, unbegun") {
    connection_options options;
    options.limit.max_in_flight = 2;
    seen l;
    serving(
        {sends{call("slow", "[20]", R"(, "id": 1)")}, sends{call("slow", "[20]", R"(, "id": 2)")},
         sends{call("slow", "[20]", R"(, "id": 3)")}, expect{R"({"error": {"message": "overloaded",
                     "detail": "2 calls are in flight on the connection", "code": 462}, "id": 3})"},
         expect{R"({"reply": 20, "id": 1})"}, expect{R"({"reply": 20, "id": 2})"},
         sends{call("slow", "[1]", R"(, "id": 3)")}, expect{R"({"reply": 1, "id": 3})"}},
        std::move(options), &l);
    CHECK(l.begun == 3);
}

TEST_CASE("an answer of the limit goes out, one byte more is message_too_large") {
    connection_options options;
    options.limit.max_message = 1000;
    // {"reply": "x...", "id": 1}: 5 of the document, 7 + 5 of the string, 12 of the id.
    serving({sends{call("big", "[971]", R"(, "id": 1)")}, expect{R"({"reply": "$_", "id": 1})"},
             sends{call("big", "[972]", R"(, "id": 2)")},
             expect{R"({"error": {"message": "message_too_large", "detail":
                "the answer exceeds the limit of a message, 1000 bytes", "code": 10334}, "id": 2})"}},
            std::move(options));
}

TEST_CASE("an answer that BSON cannot hold is an error of that call alone") {
    service s{""};
    constexpr method<void()> detail{"detail"}, meta{"meta"};
    s.on(detail, [] { throw rpc_error("mine", "bad \xff text"); })
        .on(meta, [](context& c) { c.reply_meta().set("k", "\xff"); })
        .on("empty", [](context&, message) -> maybe_awaitable<message> { return message(); });
    serving(
        {sends{call("detail", "[]", R"(, "id": 1)")},
         expect{R"({"error": {"message": "mine", "detail": "bad ? text", "code": 8000}, "id": 1})"},
         sends{call("meta", "[]", R"(, "id": 2)")}, expect{R"({"error": {"message": "internal",
                "detail": "a text of the answer is not UTF-8, or a key holds NUL", "code": 1},
                "id": 2})"},
         sends{call("empty", "[]", R"(, "id": 3)")}, expect{R"({"error": {"message": "internal",
                "detail": "oocrpc cannot carry this answer", "code": 1}, "id": 3})"}},
        {}, nullptr, s);
}

TEST_CASE("a cancel that comes in one read with its call stops the handler") {
    seen l;
    const auto both = frame_of(json::parse(call("slow", "[1000]", R"(, "id": 1)"))) +
                      frame_of(json::parse(R"({"info": {"cancel": 1}})"));
    serving({send_bytes{both},
             expect{R"({"error": {"message": "cancelled", "detail": "$_", "code": 11601},
                        "id": 1})"}},
            {}, &l);
    CHECK(l.finished == 0);
}

TEST_CASE("a call that comes in one read with the end of its peer stops with it") {
    seen l;
    serving({sends{call("slow", "[1000]", R"(, "id": 1)")}, close_stream{}}, {}, &l);
    CHECK(l.finished == 0);
}

TEST_CASE("a handler that can no longer be cancelled does not pass that on to the next call") {
    service s{""};
    seen l;
    constexpr method<void()> deaf{"deaf"};
    s.on(deaf, []() -> awaitable<void> {
        co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
        co_await this_coro::throw_if_cancelled(false);
        co_await sleep_for(1ms);
    });
    s.include(make_service(l));
    serving(
        {sends{call("deaf", "[]", R"(, "id": 1)")}, expect{R"({"reply": null, "id": 1})"},
         sends{call("slow", "[60000]", R"(, "id": 2)")}, pass_time{5ms},
         sends{R"({"info": {"cancel": 2}})"},
         expect{R"({"error": {"message": "cancelled", "detail": "$_", "code": 11601}, "id": 2})"}},
        {}, nullptr, s);
    CHECK(l.cancelled == 1);
}

TEST_CASE("frames a byte at a time, and calls cut by the end, do no harm") {
    serving({send_bytewise{call("add", "[1, 2]")}, expect{R"({"reply": 3})"},
             send_half{call("add", "[1, 2]")}, close_stream{}, pass_time{1ms}});
}

TEST_CASE("a base peer may pipeline ten thousand calls whose handlers end in another order") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.limit.max_in_flight = 10'000;
        seen l;
        handler h = make_service(l);
        scripted w(co_await this_coro::executor, std::move(h), std::move(options));
        constexpr int calls = 10'000;
        script steps;
        std::string all;
        for (int i = 0; i < calls; ++i)
            all += frame(
                call(i % 3 ? "slow" : "add", i % 3 ? "[" + std::to_string(7919 * i % 100) + "]"
                                                   : "[" + std::to_string(i) + ", 0]"));
        steps.push_back(send_bytes{std::move(all)});
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        bool right = true;
        for (int i = 0; i < calls; ++i) {
            const auto got = co_await w.theirs.next_frame();
            right = right && got.size() == 1 && got["reply"] == (i % 3 ? 7919 * i % 100 : i);
        }
        CHECK(right);
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("a peer that sends without end leaves each turn of the loop to the others, too") {
    run([]() -> awaitable<void> {
        constexpr int calls = 20'000;
        constexpr int most_in_a_turn = 100;
        seen l;
        handler h = make_service(l);
        const auto ex = co_await this_coro::executor;
        scripted w(ex, std::move(h));
        std::string all;
        for (int i = 0; i < calls; ++i) all += frame(call("add", "[1, 2]"));
        script steps{send_bytes{std::move(all)}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(ex, std::move(playing));
        int most = 0;
        while (l.begun < calls) {
            const int before = l.begun;
            co_await asio::post(ex, use_awaitable);
            most = std::max(most, l.begun - before);
        }
        CHECK(most <= most_in_a_turn);
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("a stream without end for a peer that takes it all leaves each turn to the others, too") {
    run([]() -> awaitable<void> {
        constexpr int items = 20'000, most_in_a_turn = 500;
        constexpr method<stream<int>(int)> count{"count", {"n"}};
        int sent = 0;
        const auto make = [&sent](int n, sink<int>& out) -> awaitable<void> {
            for (; sent < n; ++sent) co_await out.send(sent);
        };
        service s{""};
        s.on(count, make);
        const auto ex = co_await this_coro::executor;
        scripted w(ex, s);
        std::string how = R"(, "id": 1, "stream": 30000)";
        SUBCASE("with credit for all of it") {}
        SUBCASE("one-way") {
            how = R"(, "stream": 1, "oneway": true)";
        }
        script steps{send_bytes{frame(call("count", "[20000]", how))}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(ex, std::move(playing));
        int most = 0;
        while (sent < items) {
            const int before = sent;
            co_await asio::post(ex, use_awaitable);
            most = std::max(most, sent - before);
        }
        CHECK(most <= most_in_a_turn);
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("a peer that does not read its answers is not read from, until it reads") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.limit.max_queued = 10'000;
        seen l;
        handler h = make_service(l);
        scripted w(co_await this_coro::executor, std::move(h), std::move(options));
        constexpr int calls = 2'000;
        std::string all;
        for (int i = 0; i < calls; ++i) all += frame(call("big", "[1000]"));
        for (int i = 0; i < calls; ++i) all += frame(R"({"info": {"ping": 1}})");
        script steps{send_bytes{std::move(all)}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        co_await settle();
        co_await settle();
        CHECK(w.mine->usable());
        CHECK(l.begun > 0);
        CHECK(l.begun < 1'000); // not all: the rest is not read
        int replies = 0, pongs = 0;
        while (replies < calls || pongs < calls) {
            const auto got = co_await w.theirs.next_frame();
            REQUIRE(!got.is_null());
            ++(got.contains("reply") ? replies : pongs);
        }
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("calls are read as long as no more than max_queued bytes of answers wait") {
    // More than a stream in memory takes without being read from: it waits as a whole.
    constexpr int large = 300'000;
    const auto first = frame_of(json{{"reply", std::string(large, 'x')}});
    for (const std::size_t missing : {0, 1}) {
        CAPTURE(missing);
        run([&]() -> awaitable<void> {
            connection_options options;
            options.limit.max_queued = first.size() - missing;
            seen l;
            handler h = make_service(l);
            scripted w(co_await this_coro::executor, std::move(h), std::move(options));
            script fill{sends{call("big", "[300000]")}};
            co_await w.theirs.play(std::move(fill));
            co_await settle();
            std::string all;
            for (int i = 0; i < 3; ++i) all += frame(call("add", "[1, 2]"));
            script more{send_bytes{std::move(all)}};
            co_await w.theirs.play(std::move(more));
            co_await sleep_for(20s);
            CHECK(l.begun - 1 == (missing ? 0 : 1)); // the answer to the one is too much
            CHECK(w.mine->usable());
            const auto got = co_await w.theirs.next_frame();
            CHECK(got["reply"].is_string());
            script rest{expect{R"({"reply": 3})"}, expect{R"({"reply": 3})"},
                        expect{R"({"reply": 3})"}, close_stream{}};
            co_await w.theirs.play(std::move(rest));
            CHECK(l.begun - 1 == 3);
            co_await settle();
        });
    }
}

TEST_CASE("a stream waits while more than max_queued bytes of answers do") {
    const auto first = frame_of(json{{"reply", std::string(300'000, 'x')}});
    for (const std::size_t missing : {0, 1}) {
        CAPTURE(missing);
        run([&]() -> awaitable<void> {
            connection_options options;
            options.limit.max_queued = first.size() - missing;
            const auto ex = co_await this_coro::executor;
            promise<void> gate;
            int sent = 0;
            service s{""};
            s.on(big, [](int n) {
                 return std::string(static_cast<std::size_t>(n), 'x');
             }).on(numbers, [&](sink<int>& out) -> awaitable<void> {
                co_await gate.wait();
                for (; sent < 5; ++sent) co_await out.send(sent);
            });
            scripted w(ex, handler(s), std::move(options));
            script fill{sends{call("numbers", "[]", R"(, "id": 1, "stream": 100)")},
                        sends{call("big", "[300000]")}};
            co_await w.theirs.play(std::move(fill));
            co_await settle();
            gate.fire();
            co_await sleep_for(20s);
            CHECK(sent == (missing ? 0 : 1));
            const auto got = co_await w.theirs.next_frame();
            CHECK(got["reply"].is_string());
            for (int i = 0; i < 5; ++i) {
                const auto item = co_await w.theirs.next_frame();
                CHECK(item["reply"] == i);
            }
            CHECK(sent == 5);
            script rest{expect{R"({"reply": null, "id": 1})"}, close_stream{}};
            co_await w.theirs.play(std::move(rest));
            co_await settle();
        });
    }
}

TEST_CASE("answers that pile up behind a slow one pause reading, too") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.limit.max_queued = 10'000;
        int begun = 0;
        promise<void> gate;
        service s{""};
        constexpr method<void()> wait{"wait"};
        constexpr method<std::string()> next{"next"};
        s.on(wait, [&]() -> awaitable<void> { co_await gate.wait(); }).on(next, [&] {
            ++begun;
            return std::string(1000, 'x');
        });
        handler h = s;
        scripted w(co_await this_coro::executor, std::move(h), std::move(options));
        std::string all = frame(call("wait", "[]"));
        for (int i = 0; i < 1'000; ++i) all += frame(call("next", "[]"));
        script steps{send_bytes{std::move(all)}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        co_await settle();
        CHECK(begun > 5);
        CHECK(begun < 12); // not a thousand
        gate.fire();
        for (int i = 0; i < 1'001; ++i) {
            const auto got = co_await w.theirs.next_frame();
            REQUIRE(got.contains("reply"));
        }
        CHECK(begun == 1'000);
        rpc_error why(errc::unavailable, "over");
        w.mine->close(why);
        co_await settle();
    });
}

TEST_CASE("a drain says goaway, finishes what runs and what was on its way, and refuses what comes "
          "after the grace") {
    run([]() -> awaitable<void> {
        seen l;
        handler h = make_service(l);
        scripted w(co_await this_coro::executor, std::move(h));
        script steps{sends{call("slow", "[350]", R"(, "id": 1)")},
                     pass_time{10ms},
                     expect{R"({"info": {"goaway": "draining"}})"},
                     sends{call("add", "[1, 2]", R"(, "id": 3)")},
                     expect{R"({"reply": 3, "id": 3})"},
                     pass_time{250ms},
                     sends{call("add", "[1, 2]", R"(, "id": 2)")},
                     expect{R"({"error": {"message": "unavailable",
                             "detail": "the server is draining", "code": 8001}, "id": 2})"},
                     expect{R"({"reply": 350, "id": 1})"},
                     expect_close{}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        co_await sleep_for(5ms);
        w.mine->drain();
        while (!peer.done) co_await sleep_for(1ms);
        CHECK(what(peer.error) == "");
        co_await settle();
        CHECK(w.end.times == 1);
        CHECK(w.end.reason == "unavailable: the connection was drained");
    });
}

TEST_CASE("a drain waits the grace for the first call of a peer that was not heard of yet") {
    run([]() -> awaitable<void> {
        seen l;
        handler h = make_service(l);
        scripted w(co_await this_coro::executor, std::move(h));
        script steps{pass_time{100ms}, sends{call("add", "[1, 2]", R"(, "id": 1)")},
                     expect{R"({"info": {"goaway": "draining"}})"},
                     expect{R"({"reply": 3, "id": 1})"}, expect_close{}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        w.mine->drain();
        while (!peer.done) co_await sleep_for(1ms);
        CHECK(what(peer.error) == "");
        co_await settle();
        CHECK(w.end.times == 1);
    });
}

TEST_CASE("a drain closes at once a connection whose peer knows no goaway and is idle") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        seen l;
        handler h = make_service(l);
        scripted w(co_await this_coro::executor, std::move(h));
        script steps{sends{call("add", "[1, 2]")}, expect{R"({"reply": 3})"}, expect_close{}};
        auto playing = w.theirs.play(std::move(steps));
        spawned peer(co_await this_coro::executor, std::move(playing));
        co_await settle();
        const auto begin = time.now();
        w.mine->drain();
        while (!peer.done) co_await settle();
        CHECK(what(peer.error) == "");
        CHECK(time.now() == begin);
    });
}

TEST_CASE("calls that are not answered yet are told with their age, served and made") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        seen l;
        handler h = make_service(l);
        linked w(co_await this_coro::executor, nullptr, std::move(h));
        peer p(w.a);
        const auto begin = time.now();
        auto slow = [&]() -> awaitable<void> {
            const json arguments = json::array({50});
            co_await p.call("slow", arguments);
        };
        spawned calling(co_await this_coro::executor, slow());
        co_await sleep_for(10ms);
        const auto all = suspended_calls(io);
        REQUIRE(all.size() == 2);
        for (const auto& one : all) {
            CHECK(one.method == "slow");
            CHECK(one.peer == "memory");
            CHECK(one.since == begin);
        }
        CHECK(all[0].which != all[1].which);
        co_await sleep_for(50ms);
        CHECK(calling.done);
        CHECK(suspended_calls(io).empty());
        co_await w.close();
    });
}

TEST_CASE("what one read makes another connection send leaves in one write, both ways") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [near, far] = make_stream_pair(ex, ex);
        auto [client_end, front_end] = make_stream_pair(ex, ex);
        auto up = attach(std::move(near));
        auto pass = [up](context& c, message&& call) -> maybe_awaitable<message> {
            up->async_exchange(std::move(call), call_options(), c.later().complete());
            return c.later();
        };
        auto front = attach(std::move(front_end), std::move(pass));
        byte_peer client(std::move(client_end)), server(std::move(far));
        std::vector<message> three(3);
        for (auto& m : three) m = message::call("f");
        const std::vector<std::int64_t> numbers{1, 2, 3};
        auto calls = frames(std::move(three), numbers);
        co_await client.write(std::move(calls));
        const auto passed = co_await server.read();
        const auto ids = ids_in(passed);
        REQUIRE(ids.size() == 3);
        std::vector<message> replies(3);
        for (auto& m : replies) m = message::reply(0, {bson::type::null, {}});
        auto answers = frames(std::move(replies), ids);
        co_await server.write(std::move(answers));
        const auto answered = co_await client.read();
        CHECK(ids_in(answered) == numbers);
        const rpc_error over(errc::unavailable, "the case is over");
        up->close(over);
        front->close(over);
        co_await settle();
    });
}

} // TEST_SUITE("connection")
