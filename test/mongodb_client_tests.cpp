// A client of MongoDB servers on the whole call path; the server is played by hand.

#include "support/served.hpp"
#include "support/temporary.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/mongodb_client_codec.hpp>

#include "../lib/mongodb/wire.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;
namespace wire = oocrpc::mongodb;

namespace {

constexpr auto hello = R"({"ok": 1, "maxWireVersion": 21})";

/// The server's end of a connection.
class server_end {
  public:
    explicit server_end(std::unique_ptr<byte_stream> s) : bytes_(std::move(s)) {}

    struct request {
        std::int32_t id = 0;
        std::uint32_t flags = 0;
        json body; ///< null at the end of the stream
    };
    awaitable<request> next() {
        while (buffer_.size() < wire::header_size || buffer_.size() < length()) {
            auto more = co_await bytes_.read();
            if (more.empty()) co_return request{};
            buffer_ += more;
        }
        const auto n = length();
        const auto whole = bytes(reinterpret_cast<const std::uint8_t*>(buffer_.data()), n);
        wire::op_msg m;
        if (auto why = parse(whole, m); !why.empty()) throw std::runtime_error(why);
        request r;
        r.id = wire::read_header(whole).request_id;
        r.flags = m.flags;
        r.body = bson::to_json({bson::type::document, m.body});
        buffer_.erase(0, n);
        co_return r;
    }
    awaitable<void> reply(std::int32_t to, std::string body) {
        byte_buffer out;
        const auto start = wire::begin_msg(out, 0, 1, to);
        bson::put_document(out, json::parse(body));
        wire::end_message(out, start);
        std::string data(reinterpret_cast<const char*>(out.data()), out.size());
        co_await bytes_.write(std::move(data));
    }
    awaitable<void> shake_hands(std::string reply_text = hello) {
        const auto first = co_await next();
        CHECK(first.body.begin().key() == "hello");
        co_await reply(first.id, std::move(reply_text));
    }
    void close() { bytes_.stream().close(); }

  private:
    std::size_t length() const {
        const auto* at = reinterpret_cast<const std::uint8_t*>(buffer_.data());
        return static_cast<std::size_t>(wire::read_header({at, wire::header_size}).length);
    }

    byte_peer bytes_;
    std::string buffer_;
};

/// A connection of a client's, and its server.
struct pair {
    explicit pair(const any_io_executor& ex) : pair(make_stream_pair(ex, ex)) {}

    std::shared_ptr<connection> mine;
    server_end theirs;

    awaitable<void> close() {
        rpc_error why(errc::unavailable, "the case is over");
        mine->close(why);
        co_await settle();
    }

  private:
    using streams = std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>;
    explicit pair(streams s) : theirs(std::move(s.second)) {
        mine = connection::start(std::move(s.first), std::make_unique<mongodb_client_codec>(),
                                 nullptr);
    }
};

std::string uri_of(const temporary_path& socket) {
    std::string out = "mongodb://";
    for (const char c : url::parse(socket.url()).path)
        out += c == '/' ? std::string("%2F") : std::string(1, c);
    return out + "/demo";
}

} // namespace

TEST_SUITE("mongodb_client") {

TEST_CASE("calls wait for the handshake, then go out in their order") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        pair p(io.get_executor());
        call_probe a(p.mine, "demo.a"), b(p.mine, "demo.b"), given_up(p.mine, "demo.c");
        auto tell = message::call("demo.log");
        tell.oneway = true;
        call_probe told(p.mine, std::move(tell));
        co_await settle();
        const auto first = co_await p.theirs.next();
        CHECK(first.body.begin().key() == "hello");
        given_up.cancel();
        co_await settle();
        CHECK(!told.done());
        co_await p.theirs.reply(first.id, hello);
        const auto one = co_await p.theirs.next();
        const auto two = co_await p.theirs.next();
        const auto three = co_await p.theirs.next();
        CHECK(one.body.contains("a"));
        CHECK(one.body["maxTimeMS"] == 10'000);
        CHECK(two.body.contains("b"));
        CHECK(three.body.contains("log"));
        CHECK(three.flags == wire::op_msg::more_to_come);
        co_await p.theirs.reply(two.id, R"({"reply": 2, "ok": 1})");
        co_await p.theirs.reply(one.id, R"({"reply": 1, "ok": 1})");
        co_await settle();
        CHECK(a.outcome() == "1");
        CHECK(b.outcome() == "2");
        CHECK(given_up.code() == errc::cancelled);
        CHECK(told.outcome() == "null");
        co_await p.close();
    });
}

TEST_CASE("a server that cannot be used fails the calls that wait, with the reason") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        pair p(io.get_executor());
        call_probe a(p.mine, "demo.a");
        co_await p.theirs.shake_hands(R"({"ok": 1, "maxWireVersion": 4})");
        co_await settle();
        CHECK(a.outcome() == "protocol_error: the peer sent: a hello with wire versions 0 to 4, "
                             "while this client speaks 6 to 25");
        CHECK(p.mine->closed());
        const auto end = co_await p.theirs.next();
        CHECK(end.body.is_null());
        co_await p.close();
    });
}

TEST_CASE("a deadline passes in the handshake as anywhere else") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        pair p(io.get_executor());
        const auto begun = time.now();
        call_probe a(p.mine, "demo.a", 200ms);
        while (!a.done()) co_await sleep_for(10ms);
        CHECK(a.code() == errc::deadline_exceeded);
        CHECK(time.now() - begun <= 210ms);
        co_await p.theirs.shake_hands();
        call_probe b(p.mine, "demo.b");
        const auto next = co_await p.theirs.next();
        CHECK(next.body.contains("b")); // nothing is left of the first
        co_await p.theirs.reply(next.id, R"({"ok": 0, "code": 50, "errmsg": "their text"})");
        co_await settle();
        CHECK(b.outcome() == "deadline_exceeded: their text");
        co_await p.close();
    });
}

TEST_CASE("a typed stream reads a cursor to its end, and kills one that it leaves") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        constexpr method<stream<json>(int)> find{"demo.find", {"n"}};
        pair p(io.get_executor());
        co_await p.theirs.shake_hands();
        peer db(p.mine);
        std::string seen;
        const auto read_all = [&]() -> awaitable<void> {
            auto items = co_await db.open(find, 1);
            while (auto i = co_await items.next()) seen += i->dump();
            seen += " end";
        };
        spawned reading(io.get_executor(), read_all());
        auto r = co_await p.theirs.next();
        CHECK(r.body["find"] == json::parse("[1]"));
        co_await p.theirs.reply(r.id, R"({"cursor": {"id": {"$numberLong": "8"}, "ns": "demo.c",
                                          "firstBatch": [{"n": 1}, {"n": 2}]}, "ok": 1})");
        r = co_await p.theirs.next();
        CHECK(r.body.dump() == R"({"getMore":8,"collection":"c","batchSize":30,"$db":"demo"})");
        co_await p.theirs.reply(r.id, R"({"cursor": {"id": {"$numberLong": "0"}, "ns": "demo.c",
                                          "nextBatch": [{"n": 3}]}, "ok": 1})");
        while (!reading.done) co_await settle();
        CHECK(what(reading.error) == "");
        CHECK(seen == R"({"n":1}{"n":2}{"n":3} end)");

        const auto read_one = [&]() -> awaitable<void> {
            auto items = co_await db.open(find, 2);
            const auto one = co_await items.next();
            seen = one->dump();
        };
        spawned leaving(io.get_executor(), read_one());
        r = co_await p.theirs.next();
        co_await p.theirs.reply(r.id, R"({"cursor": {"id": {"$numberLong": "9"}, "ns": "demo.c",
                                          "firstBatch": [{"n": 1}, {"n": 2}]}, "ok": 1})");
        r = co_await p.theirs.next();
        if (r.body.contains("getMore")) r = co_await p.theirs.next();
        CHECK(r.body.dump() == R"({"killCursors":"c","cursors":[9],"$db":"demo"})");
        CHECK(r.flags == wire::op_msg::more_to_come);
        CHECK(seen == R"({"n":1})");
        CHECK(leaving.done);
        co_await p.close();
    });
}

TEST_CASE("command() keeps the order of keys and returns the whole reply; notify() gets none") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        pair p(io.get_executor());
        co_await p.theirs.shake_hands();
        peer db(p.mine);
        json reply;
        std::string refusal;
        const auto ask = [&]() -> awaitable<void> {
            auto question = json::parse(R"({"z": 1, "a": {"$oid": "0123456789abcdef01234567"}})");
            reply = co_await db.command("admin", std::move(question));
            auto insert = json::parse(R"({"insert": "c", "documents": [{}]})");
            co_await db.notify("demo.$cmd", std::move(insert));
            co_await db.notify("demo.log");
            json none = json::array();
            try {
                co_await db.command("admin", std::move(none));
            } catch (const rpc_error& e) {
                refusal = e.what();
            }
        };
        spawned asking(io.get_executor(), ask());
        auto r = co_await p.theirs.next();
        CHECK(r.body.dump() == R"({"z":1,"a":{"$oid":"0123456789abcdef01234567"},)"
                               R"("maxTimeMS":10000,"$db":"admin"})");
        co_await p.theirs.reply(r.id, R"({"b": 1, "a": 2, "ok": 1.0})");
        r = co_await p.theirs.next();
        CHECK(r.body["writeConcern"]["w"] == 0);
        CHECK(r.flags == wire::op_msg::more_to_come);
        r = co_await p.theirs.next();
        CHECK(r.body["log"] == 1);
        co_await settle();
        CHECK(asking.done);
        CHECK(what(asking.error) == "");
        CHECK(reply.dump() == R"({"b":1,"a":2,"ok":1.0})");
        CHECK(refusal == "invalid_argument: expected an object, got array");
        co_await p.close();
    });
}

TEST_CASE("a client shakes hands again with a server that comes back") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const auto ex = io.get_executor();
        temporary_path socket;
        const auto at = uri_of(socket);
        auto listening = listener::open(ex, url::parse(at));
        CHECK(listening->address().to_string() == at);
        client db(ex, at + "?appName=test");
        for (int round = 0; round < 2; ++round) {
            std::string got;
            const auto ask = [&]() -> awaitable<void> { got = co_await outcome(db, "ask"); };
            spawned asking(ex, ask());
            server_end s(co_await listening->accept());
            const auto first = co_await s.next();
            CHECK(first.body["client"]["application"]["name"] == "test");
            co_await s.reply(first.id, hello);
            const auto call = co_await s.next();
            CHECK(call.body["$db"] == "demo"); // the URL's
            co_await s.reply(call.id, R"({"reply": "here", "ok": 1})");
            while (!asking.done) co_await settle();
            CHECK(got == R"("here")");
            s.close();
            while (db.connected()) co_await settle();
        }
        db.close();
    });
}

TEST_CASE("a client says at once what it cannot do of what its URL asks for") {
    asio::io_context io;
    std::string text;
    try {
        client db(io.get_executor(), "mongodb://a/?tls=true&tlsCRLFile=x");
    } catch (const rpc_error& e) {
        text = e.what();
    }
    CHECK(text == "invalid_argument: the option tlsCRLFile: certificates are not revoked here");
}

} // TEST_SUITE("mongodb_client")
