#include "support/mongodb.hpp"
#include "support/served.hpp"
#include "support/wire.hpp"

#include <oocrpc/bson_json.hpp>
#include <oocrpc/deadline.hpp>
#include <oocrpc/mongodb_server_codec.hpp>
#include <oocrpc/service.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

constexpr method<std::string(int)> big{"big", {"size"}};
constexpr method<std::size_t(std::string)> size_of{"size", {"text"}};
constexpr method<int(int)> slow{"slow", {"ms"}};
constexpr method<stream<int>(int)> count{"count", {"n"}};
constexpr method<void()> stubborn{"stubborn"};
constexpr method<void(std::string)> hold{"hold", {"text"}};
constexpr method<std::string(int)> later{"later", {"size"}};

/// What the handlers below have seen.
struct seen {
    int begun = 0;
    int cancelled = 0;
    promise<void> let_go; // what `stubborn` waits for, whatever its caller wants
};

service make_service(seen& s) {
    service all{""};
    all.on(big, [](int n) { return std::string(static_cast<std::size_t>(n), 'x'); })
        .on(size_of, [](const std::string& text) { return text.size(); })
        .on(slow,
            [&s](int ms) -> awaitable<int> {
                ++s.begun;
                try {
                    co_await sleep_for(std::chrono::milliseconds(ms));
                } catch (const rpc_error&) {
                    ++s.cancelled;
                    throw;
                }
                co_return ms;
            })
        .on(count,
            [](int n, sink<int>& out) -> awaitable<void> {
                for (int i = 0; i < n; ++i) co_await out.send(i);
            })
        .on(hold, [](const std::string&) -> awaitable<void> { co_await sleep_for(5s); })
        .on(later,
            [](int n) -> awaitable<std::string> {
                co_await sleep_for(1s);
                co_return std::string(static_cast<std::size_t>(n), 'x');
            })
        .on(stubborn, [&s]() -> awaitable<void> {
            ++s.begun;
            co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
            auto gone = s.let_go;
            co_await gone.wait();
        });
    return all;
}

/// A peer that has come to us, whose bytes the case writes.
struct guest {
    explicit guest(const any_io_executor& ex, limits l = {}, connection_options options = {})
        : guest(make_stream_pair(ex, ex), l, std::move(options)) {}

    /// The next frame, null where there is none any more; `null` after `within` of silence.
    awaitable<json> frame_within(std::chrono::milliseconds within) {
        json got;
        try {
            got = co_await with_deadline(within, frames.next_frame());
        } catch (const rpc_error&) {
        }
        co_return got;
    }
    awaitable<void> say(std::string body) {
        script one{sends{std::move(body)}};
        co_await frames.play(std::move(one));
    }
    awaitable<void> send(std::string data) {
        script one{send_bytes{std::move(data)}};
        co_await frames.play(std::move(one));
    }
    awaitable<void> hear(std::string body) {
        script one{expect{std::move(body)}};
        co_await frames.play(std::move(one));
    }
    awaitable<void> close() {
        script one{close_stream{}};
        co_await frames.play(std::move(one));
        co_await settle();
        CHECK(mine->closed());
    }

    seen at;
    std::shared_ptr<connection> mine;
    scripted_peer frames;
    // Told also after a case that failed.
    std::shared_ptr<ending> told = std::make_shared<ending>();
    ending& end = *told;

  private:
    using pair = std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>;
    guest(pair p, limits l, connection_options options) : frames(std::move(p.second)) {
        options.limit = l;
        options.accepted = true;
        options.on_closed = [told = told](connection&, const rpc_error& why) {
            ++told->times;
            told->reason = why.what();
        };
        mine = attach(std::move(p.first), make_service(at), std::move(options));
    }
};

constexpr auto ping = R"({"info": {"ping": 1}})";
constexpr auto pong = R"({"info": {"pong": 1}})";

std::string call(std::string_view name, std::string_view arguments, int id,
                 std::string_view more = "") {
    return R"({"call": {"funcname": ")" + std::string(name) + R"(", "arguments": )" +
           std::string(arguments) + R"(}, "id": )" + std::to_string(id) + std::string(more) + "}";
}
std::string cancel(int id) {
    return R"({"info": {"cancel": )" + std::to_string(id) + "}}";
}
std::string overloaded(std::string_view why, int id) {
    return R"({"error": {"message": "overloaded", "detail": ")" + std::string(why) +
           R"(", "code": 462}, "id": )" + std::to_string(id) + "}";
}

/// Sends the parts of a long message, one each second, until the connection has ended.
awaitable<void> drip(guest& g, std::string data, std::size_t first, std::size_t each) {
    co_await g.send(data.substr(0, first));
    co_await sleep_for(500ms);
    for (auto at = first; at < data.size() && !g.mine->closed(); at += each) {
        co_await g.send(data.substr(at, each));
        co_await sleep_for(1s);
    }
}

} // namespace

TEST_SUITE("limits") {

// first_frame_timeout

TEST_CASE("a peer that came to us and says nothing is sent away after first_frame_timeout") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        co_await sleep_for(9'999ms);
        CHECK(!g.mine->closed());
        co_await sleep_for(1ms);
        co_await settle();
        CHECK(g.end.reason ==
              "protocol_error: the peer sent: 0 bytes of a message within 10000 ms");
    });
}

TEST_CASE("one that says something in time stays, however long it is silent then") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        co_await sleep_for(9'999ms);
        co_await g.say(ping);
        co_await g.hear(pong);
        co_await sleep_for(100s);
        CHECK(!g.mine->closed());
        co_await g.close();
    });
}

TEST_CASE("whom we went to may be silent from the beginning") {
    run([]() -> awaitable<void> {
        scripted w(co_await this_coro::executor);
        co_await sleep_for(100s);
        CHECK(!w.mine->closed());
        script close{close_stream{}};
        co_await w.theirs.play(std::move(close));
        co_await settle();
    });
}

TEST_CASE("a large first message of a slow peer gets more time, as long as it comes on") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        const std::string text(100'000, 'x');
        json body = json::parse(call("size", "[]", 1));
        body["call"]["arguments"] = json::array({text});
        // 56 kbit/s.
        co_await drip(g, frame_of(body), 1, 7'000);
        co_await g.hear(R"({"reply": 100000, "id": 1})");
        co_await g.close();
    });
}

// frame_timeout and frame_rate

TEST_CASE("a message that does not come to its end within frame_timeout ends the connection") {
    for (const std::size_t first : {1, 3, 4, 10}) { // within the header, and behind it
        CAPTURE(first);
        run([first]() -> awaitable<void> {
            guest g(co_await this_coro::executor);
            co_await g.say(ping);
            co_await g.hear(pong);
            const auto one = frame(call("slow", "[1]", 1));
            co_await g.send(one.substr(0, first));
            co_await sleep_for(15s);
            co_await g.send(one.substr(first, 1));
            co_await sleep_for(14'999ms);
            CHECK(!g.mine->closed());
            co_await sleep_for(1ms);
            co_await settle();
            CHECK(g.end.reason ==
                  "protocol_error: the peer sent: 1 bytes of a message within 30000 ms");
        });
    }
}

TEST_CASE("a message may come byte by byte, as long as all is there by frame_timeout") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        co_await g.say(ping);
        co_await g.hear(pong);
        for (int round = 0; round < 3; ++round) { // each message has its own time
            const auto one = frame(ping);
            for (std::size_t i = 0; i < one.size(); ++i) {
                co_await g.send(one.substr(i, 1));
                if (i + 1 < one.size()) co_await sleep_for(29'999ms / (one.size() - 1));
            }
            co_await g.hear(pong);
        }
        co_await g.close();
    });
}

TEST_CASE("a large message lives at frame_rate bytes a second, and ends the connection below it") {
    for (const std::size_t rate : {1'023, 1'024, 1'025}) {
        CAPTURE(rate);
        run([rate]() -> awaitable<void> {
            guest g(co_await this_coro::executor);
            co_await g.say(ping);
            co_await g.hear(pong);
            const std::string text(100'000, 'x');
            json body = json::parse(call("size", "[]", 1));
            body["call"]["arguments"] = json::array({text});
            co_await drip(g, frame_of(body), 1, rate);
            if (rate < 1'024)
                CHECK(g.end.reason ==
                      "protocol_error: the peer sent: 30690 bytes of a message within 30000 ms");
            else
                co_await g.hear(R"({"reply": 100000, "id": 1})");
            if (!g.mine->closed()) co_await g.close();
        });
    }
}

TEST_CASE("a message that stops coming ends the connection, however fast it began") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        const std::string text(200'000, 'x');
        json body = json::parse(call("size", "[]", 1));
        body["call"]["arguments"] = json::array({text});
        co_await g.send(frame_of(body).substr(0, 190'000));
        co_await sleep_for(10s); // the time for a first message, in which much has come
        CHECK(!g.mine->closed());
        co_await sleep_for(10s);
        co_await settle();
        CHECK(g.mine->closed());
    });
}

TEST_CASE("a server that answers slower than frame_rate is given up by its client") {
    run([]() -> awaitable<void> {
        scripted w(co_await this_coro::executor);
        call_options forever{deadline::none(), {}};
        call_probe p(w.mine, message::call("x"), forever);
        script half{expect{R"({"call": {"funcname": "x"}, "id": "$id"})"},
                    send_half{R"({"reply": 1, "id": "$id"})"}};
        co_await w.theirs.play(std::move(half));
        co_await sleep_for(29'999ms);
        CHECK(!p.done());
        co_await sleep_for(1ms);
        co_await settle();
        CHECK(p.outcome().starts_with("protocol_error: the peer sent: "));
        CHECK(w.mine->closed());
    });
}

// idle_timeout

TEST_CASE("a peer that is silent for idle_timeout is told to go elsewhere, and let go") {
    run([]() -> awaitable<void> {
        limits l;
        l.idle_timeout = 60s;
        guest g(co_await this_coro::executor, l);
        co_await g.say(call("big", "[1]", 1));
        co_await g.hear(R"({"reply": "x", "id": 1})");
        co_await sleep_for(59'999ms);
        CHECK(g.mine->usable());
        co_await sleep_for(1ms);
        co_await g.hear(R"({"info": {"goaway": "draining"}})");
        // Its call was on the way.
        co_await g.say(call("big", "[1]", 2));
        co_await g.hear(R"({"reply": "x", "id": 2})");
        co_await sleep_for(300ms);
        CHECK(g.end.reason == "unavailable: nothing was said for 60000 ms");
    });
}

TEST_CASE("each message counts as said, a ping too, and so does an answer that comes late") {
    run([]() -> awaitable<void> {
        limits l;
        l.idle_timeout = 20s;
        guest g(co_await this_coro::executor, l);
        co_await g.say(ping);
        co_await g.hear(pong);
        co_await sleep_for(19s);
        co_await g.say(ping);
        co_await g.hear(pong);
        co_await sleep_for(10s);
        co_await g.say(call("slow", "[15000]", 1));
        co_await g.hear(R"({"reply": 15000, "id": 1})"); // not before that
        co_await sleep_for(19s);
        CHECK(g.mine->usable());
        co_await sleep_for(2s);
        CHECK(g.mine->closed());
    });
}

TEST_CASE("a connection with a call in flight, either way, or an open stream is not idle") {
    run([]() -> awaitable<void> {
        limits l;
        l.idle_timeout = 10s;
        const auto ex = co_await this_coro::executor;
        guest calls(ex, l), streams(ex, l), called(ex, l);
        co_await calls.say(call("slow", "[60000]", 1));
        co_await streams.say(call("count", "[9]", 1, R"(, "stream": 1)"));
        co_await streams.hear(R"({"reply": 0, "id": 1, "more": true})");
        co_await called.say(ping);
        co_await called.hear(pong);
        call_options forever{deadline::none(), {}};
        call_probe ours(called.mine, message::call("x"), forever);
        co_await sleep_for(50s);
        CHECK(calls.mine->usable());
        CHECK(streams.mine->usable());
        CHECK(called.mine->usable());
        co_await calls.close();
        co_await streams.close();
        co_await called.close();
        CHECK(ours.done());
    });
}

// write_timeout

TEST_CASE("a peer that reads nothing for write_timeout is given up") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        co_await g.say(call("big", "[1000000]", 1));
        co_await sleep_for(29'999ms);
        CHECK(!g.mine->closed());
        co_await sleep_for(1ms);
        co_await settle();
        CHECK(g.end.reason == "unavailable: the peer has read nothing for 30000 ms");
    });
}

TEST_CASE("one that reads slowly is not, whatever waits for it") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [near, far] = make_stream_pair(ex, ex);
        seen at;
        connection_options options;
        options.accepted = true;
        auto mine = attach(std::move(near), make_service(at), std::move(options));
        byte_peer peer(std::move(far));
        co_await peer.write(frame(call("big", "[10000000]", 1)));
        for (int i = 0; i < 4; ++i) {
            co_await sleep_for(25s);
            CHECK(!mine->closed());
            co_await peer.read();
        }
        peer.stream().close();
        co_await settle();
        CHECK(mine->closed());
    });
}

// lingering

TEST_CASE("a peer that has ended its half gets 5 s to read what waits for it") {
    for (const bool reads : {true, false}) {
        CAPTURE(reads);
        run([reads]() -> awaitable<void> {
            guest g(co_await this_coro::executor);
            co_await g.say(call("big", "[1000000]", 1));
            script half{half_close{}};
            co_await g.frames.play(std::move(half));
            co_await sleep_for(4'999ms);
            CHECK(!g.mine->closed());
            if (reads) {
                const auto got = co_await g.frames.next_frame();
                CHECK(got["id"] == 1);
            } else {
                co_await sleep_for(1ms);
            }
            co_await settle();
            CHECK(g.mine->closed());
            CHECK(g.end.reason == (reads ? "unavailable: the peer closed the connection"
                                         : "unavailable: the peer does not read"));
        });
    }
}

// max_streams

TEST_CASE("so many streams are open on a connection, and the next one has to wait for an end") {
    run([]() -> awaitable<void> {
        limits l;
        l.max_streams = 2;
        guest g(co_await this_coro::executor, l);
        const auto window = R"(, "stream": 1)";
        co_await g.say(call("count", "[9]", 1, window));
        co_await g.hear(R"({"reply": 0, "id": 1, "more": true})");
        co_await g.say(call("count", "[9]", 2, window));
        co_await g.hear(R"({"reply": 0, "id": 2, "more": true})");
        co_await g.say(call("count", "[9]", 3, window));
        co_await g.hear(overloaded("2 streams are open on the connection", 3));
        co_await g.say(call("big", "[1]", 4)); // no stream
        co_await g.hear(R"({"reply": "x", "id": 4})");
        co_await g.say(cancel(1));
        co_await g.hear(R"({"error": "$_", "id": 1})");
        co_await g.say(call("count", "[9]", 5, window));
        co_await g.hear(R"({"reply": 0, "id": 5, "more": true})");
        co_await g.close();
    });
}

// max_cancels, and what is cancelled

std::string cancels(int n) {
    std::string all;
    for (int i = 1; i <= n; ++i) all += frame(cancel(i));
    return all;
}

TEST_CASE("one cancel more than max_cancels is the last message that is read within the second") {
    for (const int more : {0, 1}) {
        run([more]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            guest g(ex);
            auto begin = clock::of(ex).now();
            co_await g.send(cancels(100 + more) + frame(ping));
            co_await g.hear(pong);
            const auto waited = clock::of(ex).now() - begin;
            CHECK((more ? waited >= 1s && waited < 1100ms : waited == 0s));
            if (!more) co_await sleep_for(1s);
            begin = clock::of(ex).now();
            co_await g.send(cancels(99) +
                            frame(ping)); // of the next second, as the one that was too many
            co_await g.hear(pong);
            CHECK(clock::of(ex).now() == begin);
            co_await g.close();
        });
    }
}

TEST_CASE("who has sent too many cancels and hangs up has its calls cancelled all the same") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        co_await g.say(call("slow", "[3600000]", 200));
        co_await g.send(cancels(101));
        co_await settle();
        CHECK(g.at.cancelled == 0);
        script hang_up{close_stream{}};
        co_await g.frames.play(std::move(hang_up));
        co_await sleep_for(100ms); // until it is looked for
        CHECK(g.at.cancelled == 1);
        CHECK(g.mine->closed());
    });
}

TEST_CASE("all calls of a peer that is gone are cancelled, some in each turn of the loop") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        for (int i = 1; i <= 50; ++i) co_await g.say(call("slow", "[3600000]", i));
        co_await settle();
        CHECK(g.at.begun == 50);
        co_await g.close();
        CHECK(g.at.cancelled < 50);
        for (int i = 0; g.at.cancelled < 50 && i < 50; ++i) co_await settle();
        CHECK(g.at.cancelled == 50);
    });
}

TEST_CASE("all calls whose deadline has passed at once are cancelled, some in each turn") {
    run([]() -> awaitable<void> {
        guest g(co_await this_coro::executor);
        std::string all;
        for (int i = 1; i <= 50; ++i)
            all += frame(R"({"call": {"funcname": "slow", "arguments": [3600000]}, "id": )" +
                         std::to_string(i) + R"(, "timeout_ms": 1000})");
        co_await g.send(std::move(all));
        for (int i = 1; i <= 50; ++i) co_await g.hear(R"({"error": "$_", "id": "$_"})");
        CHECK(g.at.cancelled == 50);
        co_await g.close();
    });
}

TEST_CASE("a client that gives up many calls at once tells of them at a rate that is permitted") {
    run([]() -> awaitable<void> {
        seen at;
        connection_options theirs;
        theirs.accepted = true;
        const auto ex = co_await this_coro::executor;
        linked w(ex, nullptr, make_service(at), {}, std::move(theirs));
        constexpr int calls = 300;
        std::vector<std::unique_ptr<call_probe>> all;
        for (int i = 0; i < calls; ++i) {
            auto one = message::call("slow");
            byte_buffer arguments;
            one.body.t = bson::put(arguments, json::array({3'600'000}));
            one.body.data = arguments;
            one.own();
            call_options forever{deadline::none(), {}};
            all.push_back(std::make_unique<call_probe>(w.a, std::move(one), forever));
        }
        co_await sleep_for(1ms); // the loop comes round as often as they take
        REQUIRE(at.begun == calls);
        for (auto& one : all) one->cancel();
        co_await settle();
        for (auto& one : all) CHECK(one->code() == errc::cancelled);
        co_await sleep_for(1ms);
        CHECK(at.cancelled == 50);
        co_await sleep_for(6s);
        CHECK(at.cancelled == calls);
        CHECK(w.b->usable());
        co_await w.close();
    });
}

TEST_CASE("a cancelled call counts as one that runs until its handler has come to its end") {
    run([]() -> awaitable<void> {
        limits l;
        l.max_in_flight = 2;
        guest g(co_await this_coro::executor, l);
        co_await g.say(call("stubborn", "[]", 1));
        co_await g.say(call("stubborn", "[]", 2));
        co_await g.say(cancel(1));
        co_await g.say(cancel(2));
        co_await g.say(call("stubborn", "[]", 3));
        co_await g.hear(overloaded("2 calls are in flight on the connection", 3));
        CHECK(g.at.begun == 2);
        g.at.let_go.fire();
        co_await g.hear(R"({"reply": null, "id": 1})");
        co_await g.hear(R"({"reply": null, "id": 2})");
        co_await g.say(call("big", "[1]", 4));
        co_await g.hear(R"({"reply": "x", "id": 4})");
        co_await g.close();
    });
}

// max_elements

TEST_CASE("a document of max_elements is read, one element more is malformed") {
    // What is around the items: call, funcname, arguments.
    for (const std::size_t items : {96, 97, 98}) {
        native_codec codec(16u << 20, 100, 100);
        json body = json::parse(R"({"call": {"funcname": "x", "arguments": []}})");
        for (std::size_t i = 0; i < items; ++i) body["call"]["arguments"].push_back(nullptr);
        const auto data = frame_of(body);
        message m;
        const auto d =
            codec.decode(bytes(reinterpret_cast<const std::uint8_t*>(data.data()), data.size()), m);
        CAPTURE(items);
        CHECK((d.what == decoded::state::message) == (items <= 97));
        if (items > 97) CHECK(d.reason.ends_with("document has too many elements"));
    }
}

TEST_CASE("elements count wherever in a document they are") {
    byte_buffer nested;
    bson::put_document(nested, json::parse(R"({"a": {"b": [1, {"c": 2}]}, "d": {}})"));
    CHECK(!bson::validate(nested, 100, 6));
    CHECK(bson::validate(nested, 100, 5));
}

TEST_CASE("of a message of MongoDB's each document has its own elements") {
    namespace m = oocrpc::test::mongodb;
    const auto is_read = [](const std::string& data) {
        mongodb_server_codec codec(16u << 20, 100, 10);
        message out;
        const auto d = codec.decode(m::view(data), out);
        if (d.what == decoded::state::message) return true;
        CHECK(d.reason.ends_with("document has too many elements"));
        return false;
    };
    // insert and $db, and what the array holds beside itself.
    const auto body = [](int n) {
        json all = json::parse(R"({"insert": "x", "documents": [], "$db": "d"})");
        for (int i = 0; i < n; ++i) all["documents"].push_back(json::object());
        return m::msg(all.dump());
    };
    CHECK(is_read(body(7)));
    CHECK(!is_read(body(8)));
    const auto section = [](int documents, int each) {
        json one = json::object();
        for (int i = 0; i < each; ++i) one[std::to_string(i)] = i;
        std::string all;
        for (int i = 0; i < documents; ++i) all += m::document(one.dump());
        const auto list = m::list_section("documents", all);
        return m::msg(R"({"insert": "x", "$db": "d"})", 0, 7, list);
    };
    CHECK(is_read(section(100, 10)));
    CHECK(!is_read(section(1, 11)));
    // What was compressed counts as what was not: operation, size, no compressor.
    const auto plain = body(8).substr(16);
    CHECK(!is_read(m::message(2012, m::int32(2013) + m::int32(static_cast<int>(plain.size())) +
                                        '\0' + plain)));
}

// memory

TEST_CASE("calls are overloaded while the connections of the process hold too much") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(1 << 20);
        const auto kept = options.memory;
        auto& memory = *kept;
        const auto before = memory.used();
        {
            const auto ex = co_await this_coro::executor;
            guest g(ex, {}, std::move(options));
            co_await g.say(call("big", "[1]", 1));
            co_await g.hear(R"({"reply": "x", "id": 1})");
            const auto held = memory.used();
            CHECK(held > before);
            CHECK(held < 10'000);
            memory.take((1 << 20) - held);
            co_await g.say(call("big", "[1]", 2));
            co_await g.hear(R"({"reply": "x", "id": 2})");
            memory.take(1);
            co_await g.say(call("big", "[1]", 3));
            co_await g.hear(overloaded("the process has no memory left for it", 3));
            memory.give_back((1 << 20) - held + 1);
            co_await g.say(call("big", "[1]", 4));
            co_await g.hear(R"({"reply": "x", "id": 4})");
            co_await g.close();
        }
        co_await settle();
        CHECK(memory.used() == before);
    });
}

TEST_CASE("a large message waits while memory is scarce, and goes on when there is some") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(10 << 20);
        const auto kept = options.memory;
        auto& memory = *kept;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        co_await g.say(ping);
        co_await g.hear(pong);
        memory.take(6 << 20);
        const std::string text(200'000, 'x');
        json body = json::parse(call("size", "[]", 1));
        body["call"]["arguments"] = json::array({text});
        co_await g.send(frame_of(body));
        const json nothing = co_await g.frame_within(20s);
        CHECK(nothing.is_null());
        memory.give_back(6 << 20);
        co_await g.hear(R"({"reply": 200000, "id": 1})");
        co_await g.close();
    });
}

TEST_CASE("a message of 64 KiB is read however scarce memory is, one of a byte more waits") {
    constexpr std::size_t small = 64 << 10;
    for (const std::size_t size : {small - 1, small, small + 1}) {
        CAPTURE(size);
        run([size]() -> awaitable<void> {
            connection_options options;
            options.memory = std::make_shared<memory_budget>(10 << 20);
            const auto kept = options.memory;
            auto& memory = *kept;
            const auto ex = co_await this_coro::executor;
            guest g(ex, {}, std::move(options));
            co_await g.say(ping);
            co_await g.hear(pong);
            json body = json::parse(call("size", "[]", 1));
            const auto around = frame_of(json(body)).size() + frame_of({{"0", ""}}).size() - 9;
            const auto text = std::string(size - around, 'x');
            body["call"]["arguments"].push_back(text);
            const auto data = frame_of(body);
            REQUIRE(data.size() == size);
            memory.take((5 << 20) + 1);
            co_await g.send(data);
            const auto got = co_await g.frame_within(20s);
            CHECK(got.is_null() == (size > small));
            memory.give_back((5 << 20) + 1);
            if (size > small) {
                const auto late = co_await g.frame_within(1s);
                CHECK(late["reply"] == text.size());
            }
            co_await g.close();
        });
    }
}

TEST_CASE("where memory is exceeded, an answer of 64 KiB goes out, a larger one is overloaded") {
    // The length of a string and its end are bytes of the answer, too.
    constexpr int small = (64 << 10) - 5;
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(10 << 20);
        const auto kept = options.memory;
        auto& memory = *kept;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        int id = 0;
        const auto ask = [&](int size) {
            return call("later", "[" + std::to_string(size) + "]", ++id);
        };
        for (const int size : {small - 1, small, small + 1}) {
            CAPTURE(size);
            co_await g.say(ask(size));
            co_await sleep_for(500ms);
            memory.take(10 << 20);
            const auto got = co_await g.frame_within(10s);
            memory.give_back(10 << 20);
            if (size <= small)
                CHECK(got["reply"].is_string());
            else
                CHECK(got == json::parse(overloaded("the process has no memory left for it", id)));
        }
        // At the budget, not above it: the bytes of this very call are in it.
        co_await g.say(ask(small + 1));
        co_await sleep_for(500ms);
        const auto left = memory.most() - memory.used();
        memory.take(left);
        const auto got = co_await g.frame_within(10s);
        memory.give_back(left);
        CHECK(got["reply"].is_string());
        co_await g.close();
    });
}

TEST_CASE("our own calls are overloaded while the connections of the process hold too much") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(1 << 20);
        const auto kept = options.memory;
        auto& memory = *kept;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        co_await g.say(ping);
        co_await g.hear(pong);
        const auto left = memory.most() - memory.used();
        memory.take(left + 1);
        call_probe refused(g.mine, "x");
        co_await settle();
        CHECK(refused.outcome() == "overloaded: the process has no memory left for it");
        memory.give_back(1);
        call_probe sent(g.mine, "x");
        co_await g.hear(R"({"call": {"funcname": "x"}, "id": "$x"})");
        memory.give_back(left);
        co_await g.say(R"({"reply": 1, "id": "$x"})");
        co_await settle();
        CHECK(sent.outcome() == "1");
        co_await g.close();
    });
}

TEST_CASE(
    "a message that memory does not suffice for ends with its time, and gives back what it had") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(10 << 20);
        const auto kept = options.memory;
        auto& memory = *kept;
        {
            const auto ex = co_await this_coro::executor;
            guest g(ex, {}, std::move(options));
            memory.take(6 << 20);
            const std::string text(200'000, 'x');
            json body = json::parse(call("size", "[]", 1));
            body["call"]["arguments"] = json::array({text});
            co_await g.send(frame_of(body));
            co_await sleep_for(31s);
            CHECK(g.mine->closed());
        }
        co_await settle();
        CHECK(memory.used() == 6 << 20);
    });
}

TEST_CASE("the arguments of a call that runs count until it has ended") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>();
        const auto kept = options.memory;
        auto& memory = *kept;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        co_await g.say(ping);
        co_await g.hear(pong);
        const auto before = memory.used();
        json body = json::parse(call("hold", "[]", 1));
        body["call"]["arguments"].push_back(std::string(1 << 20, 'x'));
        co_await g.send(frame_of(body));
        co_await sleep_for(1s);
        co_await g.say(ping); // after which the read buffer is a small one again
        co_await g.hear(pong);
        CHECK(memory.used() > before + (1 << 20));
        co_await g.hear(R"({"reply": null, "id": 1})");
        CHECK(memory.used() < before + (1 << 20));
        co_await g.close();
    });
}

TEST_CASE("the metadata of a call that runs counts as its arguments do") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(1 << 20);
        const auto kept = options.memory;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        json body = json::parse(call("hold", R"(["x"])", 1));
        for (int i = 0; i < 20'000; ++i) body["meta"]["k" + std::to_string(i)] = "";
        co_await g.send(frame_of(body));
        co_await sleep_for(1s);
        CHECK(kept->used() > 20'000 * sizeof(metadata::entry));
        co_await g.say(call("hold", R"(["x"])", 2));
        co_await g.hear(overloaded("the process has no memory left for it", 2));
        co_await g.hear(R"({"reply": null, "id": 1})");
        co_await g.close();
    });
}

TEST_CASE("a stream that is answered as one array leaves the loop to others, and counts") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(1 << 20);
        const auto kept = options.memory;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        co_await g.say(call("count", "[2000]", 1));
        int turns = 0;
        while (kept->used() < 10'000 && turns < 100) {
            ++turns;
            co_await asio::post(ex, use_awaitable);
        }
        CHECK(turns < 100);
        CHECK(kept->used() < 20'000);
        json all = json::array();
        for (int i = 0; i < 2000; ++i) all.push_back(i);
        const json body{{"reply", std::move(all)}, {"id", 1}};
        co_await g.hear(body.dump());
        co_await g.say(call("count", "[2000000]", 2)); // some 20 MB
        co_await g.hear(overloaded("the process has no memory left for it", 2));
        CHECK(kept->used() < 100'000);
        co_await g.say(call("count", "[2000000000]", 3));
        for (int i = 0; i < 10; ++i) co_await asio::post(ex, use_awaitable);
        co_await g.say(cancel(3));
        co_await g.hear(R"({"error": "$_", "id": 3})");
        co_await g.close();
    });
}

TEST_CASE("who does not read what a codec answers by itself is not read from either") {
    namespace m = oocrpc::test::mongodb;
    run([]() -> awaitable<void> {
        connection_options options;
        options.limit.max_queued = 10'000;
        options.memory = std::make_shared<memory_budget>();
        const auto kept = options.memory;
        const auto ex = co_await this_coro::executor;
        auto [mine, theirs] = make_stream_pair(ex, ex);
        auto c = connection::start(std::move(mine), std::make_unique<mongodb_server_codec>(),
                                   nullptr, std::move(options));
        byte_peer peer(std::move(theirs));
        std::string all;
        for (int i = 0; i < 10'000; ++i) all += m::msg(R"({"a": 1, "maxTimeMS": "x", "$db": "d"})");
        auto write = [&]() -> awaitable<void> { co_await peer.write(std::move(all)); };
        spawned writer(ex, write());
        co_await sleep_for(1s);
        CHECK(c->usable());
        CHECK(kept->used() < 200'000); // of 1.5 MB
        rpc_error why(errc::unavailable, "over");
        c->close(why);
        co_await settle();
    });
}

TEST_CASE("a stream that is not read ends where memory is exceeded, and others go on") {
    run([]() -> awaitable<void> {
        connection_options options;
        options.memory = std::make_shared<memory_budget>(1 << 20);
        const auto kept = options.memory;
        auto& memory = *kept;
        const auto ex = co_await this_coro::executor;
        guest g(ex, {}, std::move(options));
        memory.take(2 << 20);
        // Refused before it begins; one that has begun goes on as long as it is read.
        co_await g.say(call("count", "[9]", 1, R"(, "stream": 100)"));
        co_await g.hear(overloaded("the process has no memory left for it", 1));
        memory.give_back(2 << 20);
        co_await g.say(call("count", "[1000000]", 2, R"(, "stream": 2000000)"));
        co_await sleep_for(1s); // nothing is read
        CHECK(memory.used() > (1 << 20));
        CHECK(memory.used() < (3 << 20));
        json last;
        do last = co_await g.frame_within(1s);
        while (last.contains("more"));
        CHECK(last["error"]["message"] == "overloaded");
        co_await g.close();
    });
}

} // TEST_SUITE("limits")
