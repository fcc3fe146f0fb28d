#include "support/pair_codec.hpp"
#include "support/served.hpp"
#include "support/spawned.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/native_codec.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/when.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

constexpr method<int(int, int)> add{"calc.add", {"a", "b"}};
constexpr method<int(int)> slow{"calc.slow", {"ms"}};
constexpr method<stream<int>()> count{"calc.count"};
constexpr method<void(std::string)> refuse{"calc.refuse", {"why"}};

service calc() {
    service s("calc");
    s.on(add, [](int a, int b) { return a + b; })
        .on(slow,
            [](int ms) -> awaitable<int> {
                co_await sleep_for(std::chrono::milliseconds(ms));
                co_return ms;
            })
        .on(count,
            [](sink<int>& out) -> awaitable<void> {
                for (int i = 0; i < 3; ++i) co_await out.send(i);
            })
        .on(refuse, [](const std::string& why) { throw rpc_error("refused", why); });
    return s;
}

std::unique_ptr<codec> make_pair_codec(const limits& limit) {
    return std::make_unique<pair_codec>(limit);
}

/// Serves calc in the third protocol over TCP, and hands `f` a client of it.
template <class F> void over_tcp(F f) {
    run([&]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server_options served;
        served.codecs = make_pair_codec;
        server host(ex, served);
        const auto at = host.listen("oocrpc://127.0.0.1:0").to_string();
        spawned running(ex, host.run(calc()));
        client_options calling;
        calling.codecs = make_pair_codec;
        {
            client db(ex, at, calling);
            std::exception_ptr failure;
            try {
                co_await f(db);
            } catch (...) {
                failure = std::current_exception();
            }
            CHECK(what(failure) == "");
        }
        co_await settle();
        host.drain();
        co_await settle();
        CHECK(running.done);
    });
}

/// The native protocol behind a greeting: says `hi`, and calls wait for the other end's `hi`.
class polite_codec final : public codec {
  public:
    std::string_view protocol() const noexcept override { return "polite"; }
    bool ready() const noexcept override { return heard_; }
    void speak(byte_buffer& out) override {
        if (!std::exchange(said_, true)) out.append("hi");
    }
    decoded decode(bytes in, message& out) override {
        if (heard_) return native_.decode(in, out);
        if (in.size() < 2) return {decoded::state::incomplete, 2, {}};
        if (in[0] != 'h') return {decoded::state::malformed, 0, "no greeting"};
        heard_ = true;
        return {decoded::state::message, 2, {}};
    }
    encoded encode(const message& m, byte_buffer& out) override { return native_.encode(m, out); }

  private:
    native_codec native_;
    bool said_ = false;
    bool heard_ = false;
};

} // namespace

TEST_SUITE("codec") {

TEST_CASE("a third protocol is one codec: client and server speak it without another line") {
    over_tcp([](client& db) -> awaitable<void> {
        const int sum = co_await db.call(add, 2, 3);
        CHECK(sum == 5);
        json why = json::array();
        why.push_back("no");
        const auto refused = co_await outcome(db, "calc.refuse", std::move(why));
        CHECK(refused == "refused: no");
        const auto unknown = co_await outcome(db, "calc.none");
        CHECK(unknown == "no_such_method: 'calc.none': no such method");
        std::string nobody = "nobody hears that";
        co_await db.notify(refuse, std::move(nobody));
        const int again = co_await db.call(add, 20, 3);
        CHECK(again == 23);
    });
}

TEST_CASE("replies of a protocol without ids find their calls by order, slow ones first") {
    over_tcp([](client& db) -> awaitable<void> {
        std::vector<awaitable<int>> calls;
        calls.push_back(db.call(slow, 50));
        calls.push_back(db.call(add, 1, 1));
        calls.push_back(db.call(slow, 10));
        const auto results = co_await gather(std::move(calls));
        CHECK(results == std::vector{50, 2, 10});
    });
}

TEST_CASE("a call that is given up in a protocol without cancel keeps its place in the order") {
    over_tcp([](client& db) -> awaitable<void> {
        call_options options;
        options.when = deadline(20ms);
        json ms = json::array();
        ms.push_back(100);
        const auto late = co_await outcome(db, "calc.slow", std::move(ms), std::move(options));
        CHECK(late == "deadline_exceeded: call deadline of 20 ms passed");
        const int sum = co_await db.call(add, 4, 4);
        CHECK(sum == 8);
    });
}

TEST_CASE("a stream over a protocol that has none is one answer, all items in an array") {
    over_tcp([](client& db) -> awaitable<void> {
        const auto answer = co_await db.open(message::call("calc.count"));
        const auto all = co_await answer->next();
        CHECK(all.kind == message_kind::reply);
        CHECK(bson::to_text(all.body) == "[0,1,2]");
        const auto end = co_await answer->next();
        CHECK(end.kind == message_kind::reply);
    });
}

TEST_CASE("bytes that are no message of a third protocol end the connection, not the server") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        ending end;
        connection_options options;
        options.on_closed = [&](connection&, const rpc_error& why) {
            ++end.times;
            end.reason = why.what();
        };
        limits small;
        auto callee = connection::start(std::move(there), make_pair_codec(small),
                                        std::make_shared<const handler>(calc()), options);
        byte_peer odd(std::move(here));
        std::string four("\x04\0\0\0", 4);
        co_await odd.write(std::move(four));
        co_await settle();
        CHECK(end.times == 1);
        CHECK(end.reason == "protocol_error: the peer sent: a document of 4 bytes");
    });
}

TEST_CASE("calls wait until the handshake is over, and go out then") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto callee = connection::start(std::move(there), std::make_unique<polite_codec>(),
                                        std::make_shared<const handler>(calc()));
        auto caller = connection::start(std::move(here), std::make_unique<polite_codec>(), nullptr);
        peer db(caller);
        std::vector<awaitable<int>> calls;
        calls.push_back(db.call(add, 2, 3));
        calls.push_back(db.call(add, 3, 4));
        const auto results = co_await gather(std::move(calls));
        CHECK(results == std::vector{5, 7});
        const rpc_error over(errc::unavailable, "over");
        caller->close(over);
        callee->close(over);
    });
}

TEST_CASE("a call that is given up during the handshake never goes out") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto caller = connection::start(std::move(here), std::make_unique<polite_codec>(), nullptr);
        byte_peer other(std::move(there));
        call_probe early(caller, "calc.add", deadline(5ms));
        co_await sleep_for(10ms);
        CHECK(early.outcome() == "deadline_exceeded: call deadline of 5 ms passed");
        const auto greeting = co_await other.read();
        CHECK(greeting == "hi");
        std::string hi = "hi";
        co_await other.write(std::move(hi));
        co_await settle();
        const rpc_error over(errc::unavailable, "over");
        caller->close(over);
        const auto rest = co_await other.read();
        CHECK(rest.empty());
    });
}

TEST_CASE("a handshake that fails ends the connection, and the calls that waited are told why") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto caller = connection::start(std::move(here), std::make_unique<polite_codec>(), nullptr);
        byte_peer other(std::move(there));
        call_probe call(caller, "calc.add");
        std::string no = "no";
        co_await other.write(std::move(no));
        co_await settle();
        CHECK(call.outcome() == "protocol_error: the peer sent: no greeting");
        CHECK(caller->closed());
    });
}

TEST_CASE("a call after a handshake that failed is told why it failed") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto caller = connection::start(std::move(here), std::make_unique<polite_codec>(), nullptr);
        byte_peer other(std::move(there));
        std::string no = "no";
        co_await other.write(std::move(no));
        co_await settle();
        REQUIRE(caller->closed());
        call_probe late(caller, "calc.add");
        co_await settle();
        CHECK(late.outcome() == "protocol_error: the peer sent: no greeting");
    });
}

TEST_CASE("a server that takes connections and does not greet is none; the next host is tried") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto silent = listener::open(ex, url::parse("oocrpc://silent:1"));
        server_options served;
        served.codecs = [](const limits&) { return std::make_unique<polite_codec>(); };
        server host(ex, served);
        host.listen("oocrpc://alpha:2");
        spawned running(ex, host.run(calc()));
        client_options calling;
        calling.codecs = served.codecs;
        calling.connect_timeout = 300ms;
        {
            client none(ex, "oocrpc://silent:1", calling);
            json arguments = json::array();
            const auto told = co_await outcome(none, "calc.add", std::move(arguments));
            CHECK(told == "unavailable: oocrpc://silent:1: no handshake within 300 ms");
            client both(ex, "mongodb://silent:1,alpha:2", calling);
            const int sum = co_await both.call(add, 2, 3);
            CHECK(sum == 5);
        }
        co_await settle();
        host.drain();
        co_await settle();
        CHECK(running.done);
    });
}

} // TEST_SUITE("codec")
