#include "support/test.hpp"

#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_value.hpp>
#include <oocrpc/mongodb_client_codec.hpp>

#include "../lib/mongodb/compression.hpp"
#include "../lib/mongodb/wire.hpp"

using namespace oocrpc;
using namespace oocrpc::mongodb;

namespace {

/// A request of the codec's, as the server sees it.
struct request {
    header head;
    std::uint32_t flags = 0;
    json body;
    std::vector<std::pair<std::string, std::size_t>> sections;
    std::optional<compressor> packed;
};

byte_buffer document(std::string_view text) {
    byte_buffer out;
    bson::put_document(out, json::parse(text));
    return out;
}

constexpr auto ours = R"({"ok": 1.0, "minWireVersion": 0, "maxWireVersion": 21,
                          "oocrpc": {"version": "1"}})";
constexpr auto others = R"({"ok": 1, "minWireVersion": 0, "maxWireVersion": 17})";

/// The codec and, by hand, its server.
struct rig {
    explicit rig(std::string_view hello, mongodb_client_options options = {},
                 std::size_t max_message = 16u << 20)
        : codec(std::move(options), max_message) {
        greeting = next();
        if (hello.empty()) return;
        feed(reply(greeting.head.request_id, hello));
        CHECK(requests().empty());
        CHECK(codec.ready());
    }

    /// What the codec has sent since the last time.
    std::vector<request> requests() {
        codec.speak(out);
        std::vector<request> all;
        for (bytes rest(out); !rest.empty();) {
            const auto size = static_cast<std::size_t>(read_header(rest).length);
            REQUIRE(size <= rest.size());
            all.push_back(parsed(rest.first(size)));
            rest = rest.subspan(size);
        }
        out.clear();
        return all;
    }
    request next() {
        auto all = requests();
        REQUIRE(all.size() == 1);
        return all.front();
    }

    /// The bytes of a reply.
    static byte_buffer reply(std::int32_t to, std::string_view body, std::uint32_t flags = 0,
                             std::int32_t id = 900) {
        byte_buffer all;
        const auto start = begin_msg(all, flags, id, to);
        all.append(document(body));
        end_message(all, start);
        return all;
    }
    /// What the codec makes of bytes, a short text for each message.
    std::vector<std::string> feed(bytes all) {
        std::vector<std::string> seen;
        while (!all.empty()) {
            message m;
            const auto d = codec.decode(all, m);
            if (d.what != decoded::state::message) {
                seen.push_back(d.what == decoded::state::malformed ? d.reason : "incomplete");
                break;
            }
            seen.push_back(text_of(m));
            last = std::move(m);
            last.own();
            all = all.subspan(d.size);
        }
        return seen;
    }
    std::string answer(const request& to, std::string_view body, std::uint32_t flags = 0) {
        const auto seen = feed(reply(to.head.request_id, body, flags));
        REQUIRE(seen.size() == 1);
        return seen.front();
    }

    encoded send(message m) { return codec.encode(m, out); }
    /// Sends a call and returns what the server gets.
    request call(std::int64_t id, std::string_view method, std::string_view arguments = "",
                 std::int32_t credit = 0) {
        byte_buffer body;
        auto m = message::call(method);
        if (!arguments.empty()) {
            const auto t = bson::put(body, json::parse(arguments));
            m.body = {t, body};
        }
        m.id = id;
        m.credit = credit;
        REQUIRE(send(std::move(m)) == encoded::done);
        return next();
    }
    encoded grant(std::int64_t id, std::int32_t n) {
        auto m = message::control(message_kind::credit, id);
        m.credit = n;
        return send(std::move(m));
    }
    encoded cancel(std::int64_t id) { return send(message::control(message_kind::cancel, id)); }

    mongodb_client_codec codec;
    byte_buffer out;
    request greeting;
    message last;

  private:
    static request parsed(bytes message) {
        request r;
        byte_buffer plain;
        if (read_header(message).operation == opcode::compressed) {
            compressor used{};
            REQUIRE(unpack(message, largest_message, plain, used) == "");
            r.packed = used;
            message = plain;
        }
        r.head = read_header(message);
        if (r.head.operation == opcode::query) {
            op_query q;
            REQUIRE(parse(message, q) == "");
            CHECK(q.name == "admin.$cmd");
            r.body = bson::to_json({bson::type::document, q.query});
            return r;
        }
        op_msg m;
        REQUIRE(parse(message, m) == "");
        r.flags = m.flags;
        r.body = bson::to_json({bson::type::document, m.body});
        for (const auto& s : m.sections) r.sections.emplace_back(s.name, s.count);
        return r;
    }
    static std::string text_of(const message& m) {
        const auto id = std::to_string(m.id) + " ";
        const auto body =
            present(m.body) ? bson::to_json(m.body, bson::json_mode::canonical).dump() : "absent";
        switch (m.kind) {
        case message_kind::reply:
            return id + (m.raw ? "raw " : "") + body;
        case message_kind::item:
            CHECK(m.credit == 1);
            return id + "item " + body;
        case message_kind::error:
            return id + "error " + std::to_string(m.fault->code) + " " + m.fault->message + ": " +
                   m.fault->detail;
        default:
            return m.kind == message_kind::ignored ? "ignored" : "unexpected";
        }
    }
};

using texts = std::vector<std::string>;

} // namespace

TEST_SUITE("mongodb_client_codec") {

TEST_CASE("the first message is hello, with who we are") {
    mongodb_client_options options;
    options.application = std::string(128, 'x');
    options.compressors = {"zstd", "zlib"};
    rig r("", options);
    CHECK(!r.codec.ready());
    CHECK(r.codec.protocol() == "mongodb");
    CHECK(r.codec.probe() == "");
    CHECK(r.greeting.head.operation == opcode::msg);
    CHECK(r.greeting.flags == 0);
    const auto& hello = r.greeting.body;
    CHECK(hello.begin().key() == "hello");
    CHECK(hello["hello"] == 1);
    CHECK(hello["helloOk"] == true);
    CHECK(hello["client"]["driver"]["name"] == "oocrpc");
    CHECK(hello["client"]["application"]["name"] == options.application);
    CHECK(hello["client"]["os"].contains("type"));
    CHECK(hello["compression"] == json::parse(R"(["zstd", "zlib"])"));
    CHECK(hello["backpressure"] == "2");
    CHECK(hello["$db"] == "admin");
    byte_buffer client;
    bson::put_document(client, hello["client"]);
    CHECK(client.size() < 512);
    CHECK(r.requests().empty()); // once
    CHECK(r.send(message::call("demo.add")) == encoded::unsupported);
}

TEST_CASE("a server without hello is asked isMaster over OP_QUERY") {
    rig r("");
    CHECK(r.answer(r.greeting, R"({"ok": 0, "errmsg": "no such command", "code": 59})") ==
          "ignored");
    const auto query = r.next();
    CHECK(query.head.operation == opcode::query);
    CHECK(query.body.begin().key() == "isMaster");
    CHECK(query.body["helloOk"] == true);
    CHECK(!query.body.contains("$db"));
    op_reply reply;
    const auto body = document(others);
    reply.count = 1;
    reply.documents = body;
    byte_buffer bytes_of;
    put(bytes_of, reply, 1, query.head.request_id);
    CHECK(r.feed(bytes_of) == texts{"ignored"});
    CHECK(r.codec.ready());

    rig refused("");
    refused.answer(refused.greeting, R"({"ok": 0, "errmsg": "no"})");
    const auto again = refused.next();
    CHECK(refused.answer(again, R"({"ok": 0, "errmsg": "never", "code": 13})") ==
          "an error instead of a handshake, permission_denied: never");
}

TEST_CASE("a server that speaks none of our wire versions is refused with the reason") {
    const auto refusal = [](std::string_view versions) {
        rig r("");
        return r.answer(r.greeting, versions);
    };
    CHECK(refusal(R"({"ok": 1, "minWireVersion": 0, "maxWireVersion": 5})") ==
          "a hello with wire versions 0 to 5, while this client speaks 6 to 25");
    CHECK(refusal(R"({"ok": 1, "minWireVersion": 26, "maxWireVersion": 30})") != "ignored");
    CHECK(refusal(R"({"ok": 1})") ==
          "a hello with wire versions 0 to 0, while this client speaks 6 to 25");
    CHECK(refusal(R"({"ok": true, "minWireVersion": {"$numberLong": "25"},
                      "maxWireVersion": 6.0})") == "ignored");
}

TEST_CASE("a call is a command, and its result the key reply or the rest of the document") {
    rig r(others);
    const auto a = r.call(1, "demo.add", "[1, 2]");
    CHECK(a.body.dump() == R"({"add":[1,2],"$db":"demo"})");
    CHECK(a.head.operation == opcode::msg);
    CHECK(a.flags == 0);
    CHECK(r.call(2, "ping").body.dump() == R"({"ping":1,"$db":"admin"})");
    CHECK(r.call(3, "a.b.c", R"({"x": 1})").body.dump() == R"({"b.c":{"x":1},"$db":"a"})");
    CHECK(r.call(4, "demo.echo", "7").body.dump() == R"({"echo":7,"$db":"demo"})");
    CHECK(r.answer(a, R"({"reply": 3, "ok": 1.0})") == R"(1 {"$numberInt":"3"})");
    CHECK(r.answer(a, R"({"reply": 4, "ok": 1.0})") == "ignored"); // once only
    const auto b = r.call(5, "demo.x");
    CHECK(r.answer(b, R"({"a": 1, "ok": 1.0, "$clusterTime": {}, "operationTime": 5, "b": "y"})") ==
          R"(5 {"a":{"$numberInt":"1"},"b":"y"})");
    CHECK(r.answer(r.call(6, "demo.x"), R"({"ok": {"$numberLong": "1"}})") == "6 {}");
    CHECK(r.answer(r.call(7, "demo.x"), R"({"reply": null, "ok": true})") == "7 null");
}

TEST_CASE("a server of ours gets lone arguments as an array, and what no other would know") {
    rig r(ours);
    CHECK(r.call(1, "demo.echo", "1").body.dump() == R"({"echo":[1],"$db":"demo"})");
    CHECK(r.call(2, "demo.echo", R"({"a": 1})").body.dump() == R"({"echo":{"a":1},"$db":"demo"})");
    auto m = message::call("demo.echo");
    m.id = 3;
    m.meta.set("tenant", "x");
    CHECK(r.send(std::move(m)) == encoded::done);
    CHECK(r.next().body.dump() == R"({"echo":1,"$oocrpc":{"meta":{"tenant":"x"}},"$db":"demo"})");
    const auto a = r.call(4, "demo.echo");
    CHECK(r.answer(a, R"({"reply": 1, "oocrpc": {"meta": {"age": "5"}}, "ok": 1})") ==
          R"(4 {"$numberInt":"1"})");
    REQUIRE(r.last.meta.find("age"));
    CHECK(*r.last.meta.find("age") == "5");

    rig other(others);
    auto n = message::call("demo.echo");
    n.id = 3;
    n.meta.set("tenant", "x");
    CHECK(other.send(std::move(n)) == encoded::done);
    CHECK(other.next().body.dump() == R"({"echo":1,"$db":"demo"})");
}

TEST_CASE("the deadline goes along as maxTimeMS") {
    rig r(others);
    const auto with = [&](std::int64_t ms, std::string_view method, std::string_view body) {
        byte_buffer b;
        bson::put(b, json::parse(body));
        auto m = message::call(method, {bson::type::document, b});
        m.id = 1;
        m.timeout_ms = ms;
        CHECK(r.send(std::move(m)) == encoded::done);
        auto sent = r.next();
        r.answer(sent, R"({"ok": 1})");
        return sent.body.dump();
    };
    CHECK(with(500, "a.b", "{}") == R"({"b":{},"maxTimeMS":500,"$db":"a"})");
    CHECK(with(0, "a.b", "{}") == R"({"b":{},"$db":"a"})");
    CHECK(with(3'000'000'000, "a.b", "{}") == R"({"b":{},"$db":"a"})");
    CHECK(with(500, "a.$cmd", R"({"x": 1})") == R"({"x":1,"maxTimeMS":500,"$db":"a"})");
    CHECK(with(500, "a.$cmd", R"({"x": 1, "maxTimeMS": 7})") ==
          R"({"x":1,"maxTimeMS":7,"$db":"a"})");
    CHECK(with(500, "a.$cmd", R"({"getMore": 1, "collection": "x"})") ==
          R"({"getMore":1,"collection":"x","$db":"a"})");
}

TEST_CASE("a whole command keeps its keys and gets the whole reply") {
    rig r(others);
    const auto a = r.call(1, "demo.$cmd", R"({"z": 1, "a": {"$x": 2}, "$db": "wrong"})");
    CHECK(a.body.dump() == R"({"z":1,"a":{"$x":2},"$db":"demo"})");
    CHECK(r.answer(a, R"({"cursor": {"id": 0}, "writeErrors": [1], "ok": 1.0})") ==
          R"(1 raw {"cursor":{"id":{"$numberInt":"0"}},"writeErrors":[{"$numberInt":"1"}],)"
          R"("ok":{"$numberDouble":"1.0"}})");
    for (auto* bad : {"{}", "[1]"}) {
        byte_buffer b;
        const auto t = bson::put(b, json::parse(bad));
        auto m = message::call("demo.$cmd", {t, b});
        CHECK(r.send(std::move(m)) == encoded::invalid);
    }
    CHECK(r.send(message::call("demo.$cmd")) == encoded::invalid);
    CHECK(r.send(message::call(".x")) == encoded::invalid);
    CHECK(r.send(message::call("x.")) == encoded::invalid);
    CHECK(r.send(message::call("demo.\xff")) == encoded::invalid);
    CHECK(r.out.empty());
}

TEST_CASE("errors keep what the server says") {
    rig r(ours);
    const auto failure = [&](std::string_view body) { return r.answer(r.call(1, "a.b"), body); };
    CHECK(failure(R"({"ok": 0, "errmsg": "text", "code": 8000,
                      "oocrpc": {"message": "calc.overflow", "detail": "too big"}})") ==
          "1 error 8000 calc.overflow: too big");
    CHECK(failure(R"({"ok": 0, "code": 8000, "oocrpc": {"message": "cursor_not_found"}})") ==
          "1 error 43 cursor_not_found: ");
    CHECK(failure(R"({"ok": 0.0, "errmsg": "no such command: 'b'", "code": 59})") ==
          "1 error 59 no_such_method: no such command: 'b'");
    CHECK(failure(R"({"ok": false, "errmsg": "slow", "code": 50.0})") ==
          "1 error 50 deadline_exceeded: slow");
    CHECK(failure(R"({"ok": 0, "errmsg": "dup", "code": 11000, "codeName": "DuplicateKey"})") ==
          "1 error 11000 DuplicateKey: dup");
    CHECK(r.last.raw);
    CHECK(bson::to_json(r.last.body)["codeName"] == "DuplicateKey");
    CHECK(failure(R"({"errmsg": "x"})") == "1 error 8000 command_failed: x");
    CHECK(failure(R"({"ok": {"$numberLong": "0"}, "code": 8000, "codeName": "Mine"})") ==
          "1 error 8000 Mine: the server gave no reason");
}

TEST_CASE("a one-way call says so, and gets no answer") {
    rig r(others);
    byte_buffer b;
    bson::put(b, json::parse(R"({"insert": "c", "documents": [{"a": 1}]})"));
    auto m = message::call("demo.$cmd", {bson::type::document, b});
    m.id = 5;
    m.oneway = true;
    CHECK(r.send(message(m)) == encoded::done);
    auto sent = r.next();
    CHECK(sent.flags == op_msg::more_to_come);
    CHECK(sent.body.dump() == R"({"insert":"c","documents":[{"a":1}],"writeConcern":{"w":0},)"
                              R"("$db":"demo"})");
    CHECK(r.answer(sent, R"({"ok": 1})") == "ignored"); // some servers answer all the same
    auto call = message::call("demo.log");
    call.oneway = true;
    CHECK(r.send(std::move(call)) == encoded::done);
    sent = r.next();
    CHECK(sent.flags == op_msg::more_to_come);
    CHECK(sent.body.dump() == R"({"log":1,"$db":"demo"})");
}

TEST_CASE("several documents of a write travel as a section, within the server's limits") {
    rig r(R"({"ok": 1, "maxWireVersion": 21, "maxBsonObjectSize": 2000, "maxWriteBatchSize": 3,
              "maxMessageSizeBytes": {"$numberLong": "20000"}})");
    const auto many = [&](std::string_view name, std::size_t n, std::size_t each) {
        json body;
        body[name] = "c";
        auto& all = body[name == "insert" ? "documents" : "updates"] = json::array();
        for (std::size_t i = 0; i < n; ++i) all.push_back({{"x", std::string(each, 'x')}});
        byte_buffer b;
        bson::put(b, body);
        auto m = message::call("demo.$cmd", {bson::type::document, b});
        m.id = 1;
        return r.send(std::move(m));
    };
    CHECK(many("insert", 3, 10) == encoded::done);
    auto sent = r.next();
    CHECK(sent.body.dump() == R"({"insert":"c","$db":"demo"})");
    REQUIRE(sent.sections.size() == 1);
    CHECK(sent.sections[0] == std::pair(std::string("documents"), std::size_t{3}));
    r.answer(sent, R"({"ok": 1})");
    CHECK(many("update", 2, 10) == encoded::done);
    sent = r.next();
    CHECK(sent.sections[0].first == "updates");
    r.answer(sent, R"({"ok": 1})");
    CHECK(many("insert", 1, 10) == encoded::done); // one stays where it is
    sent = r.next();
    CHECK(sent.sections.empty());
    CHECK(sent.body["documents"].size() == 1);
    r.answer(sent, R"({"ok": 1})");
    CHECK(many("insert", 4, 10) == encoded::too_large);
    CHECK(many("insert", 2, 2000) == encoded::too_large);
    CHECK(many("insert", 1, 19000) == encoded::too_large);
    CHECK(many("update", 3, 7000) == encoded::too_large); // together
    CHECK(r.out.empty());
    // What is no array of documents is the server's to refuse.
    const auto odd = r.call(9, "demo.$cmd", R"({"insert": "c", "documents": [1, 2]})");
    CHECK(odd.sections.empty());
    CHECK(odd.body["documents"] == json::parse("[1, 2]"));
}

TEST_CASE("replies find their call in any order, and others find none") {
    rig r(others);
    std::vector<request> all;
    for (int i = 1; i <= 100; ++i) all.push_back(r.call(i << 5, "a.b"));
    CHECK(r.feed(rig::reply(12345678, R"({"ok": 1, "reply": 1})")) == texts{"ignored"});
    CHECK(r.feed(rig::reply(0, R"({"ok": 1, "reply": 1})")) == texts{"ignored"});
    CHECK(r.feed(rig::reply(-1, R"({"ok": 1, "reply": 1})")) == texts{"ignored"});
    for (int i = 100; i >= 1; --i)
        CHECK(r.answer(all[static_cast<std::size_t>(i - 1)], R"({"reply": "x", "ok": 1})") ==
              std::to_string(i << 5) + R"( "x")");
}

TEST_CASE("of a chain of replies the last one is the answer") {
    rig r(others);
    const auto a = r.call(1, "a.b");
    const auto b = r.call(2, "a.b");
    const auto step = [&](std::int32_t to, std::int32_t own, std::string_view text, bool more) {
        return r.feed(rig::reply(to, text, more ? op_msg::more_to_come : 0, own)).front();
    };
    CHECK(step(a.head.request_id, 901, R"({"reply": 1, "ok": 1})", true) == "ignored");
    CHECK(step(b.head.request_id, 950, R"({"reply": 9, "ok": 1})", false) ==
          R"(2 {"$numberInt":"9"})");
    CHECK(step(901, 902, R"({"reply": 2, "ok": 1})", true) == "ignored");
    CHECK(step(901, 903, R"({"reply": 2, "ok": 1})", true) == "ignored"); // not the latest
    CHECK(step(902, 904, R"({"reply": 3, "ok": 1})", false) == R"(1 {"$numberInt":"3"})");
    CHECK(step(904, 905, R"({"reply": 4, "ok": 1})", false) == "ignored");
    // A cursor's documents come from all of them.
    const auto c = r.call(3, "a.find", "{}", 4);
    CHECK(step(c.head.request_id, 911, R"({"cursor": {"id": {"$numberLong": "5"}, "ns": "a.x",
               "firstBatch": [{"n": 1}]}, "ok": 1})",
               true) == R"(3 item {"n":{"$numberInt":"1"}})");
    CHECK(r.requests().empty()); // they come by themselves
    const auto rest = r.feed(rig::reply(911, R"({"cursor": {"id": {"$numberLong": "0"},
               "ns": "a.x", "nextBatch": [{"n": 2}]}, "ok": 1})"));
    CHECK(rest == texts{R"(3 item {"n":{"$numberInt":"2"}})", "3 null"});
}

TEST_CASE("a cursor's documents become items, and more are asked for as they are granted") {
    rig r(others);
    const auto find = r.call(1, "demo.$cmd", R"({"find": "c", "filter": {}})", 2);
    CHECK(find.body.dump() == R"({"find":"c","filter":{},"$db":"demo"})");
    // The server decides how much a first batch holds; its id may be a number of any type.
    CHECK(r.feed(rig::reply(find.head.request_id,
                            R"({"cursor": {"id": 7, "ns": "demo.c.d",
                                "firstBatch": [{"a": 1}, {"reply": 2}, {"a": 3}]}, "ok": 1})")) ==
          texts{R"(1 item {"a":{"$numberInt":"1"}})", R"(1 item {"reply":{"$numberInt":"2"}})",
                R"(1 item {"a":{"$numberInt":"3"}})"});
    CHECK(r.requests().empty()); // one more than was granted
    CHECK(r.grant(1, 1) == encoded::done);
    CHECK(r.requests().empty());
    CHECK(r.grant(1, 5) == encoded::done);
    const auto more = r.next();
    CHECK(more.body.dump() == R"({"getMore":7,"collection":"c.d","batchSize":5,"$db":"demo"})");
    CHECK(r.grant(1, 2) == encoded::done); // one request at a time
    CHECK(r.requests().empty());
    CHECK(r.answer(more, R"({"cursor": {"id": {"$numberDouble": "7.0"}, "ns": "demo.c.d",
                             "nextBatch": []}, "ok": 1})") == "ignored");
    const auto again = r.next();
    CHECK(again.body["batchSize"] == 7);
    CHECK(again.head.request_id != more.head.request_id);
    CHECK(r.feed(rig::reply(again.head.request_id, R"({"cursor": {"id": {"$numberLong": "0"},
                            "nextBatch": [{"a": 4}]}, "ok": 1})")) ==
          texts{R"(1 item {"a":{"$numberInt":"4"}})", "1 null"});
    CHECK(r.requests().empty());
    CHECK(r.grant(1, 5) == encoded::unsupported);
}

TEST_CASE("a stream ends with what is no cursor, and with an error") {
    rig r(ours);
    const auto a = r.call(1, "demo.count", "[3]", 32);
    CHECK(a.body.dump() == R"({"count":[3],"$oocrpc":{"stream":32},"$db":"demo"})");
    CHECK(r.answer(a, R"({"reply": [1], "ok": 1})") == R"(1 [{"$numberInt":"1"}])");
    CHECK(r.answer(r.call(2, "demo.x", "", 1), R"({"ok": 0, "code": 59, "errmsg": "x"})") ==
          "2 error 59 no_such_method: x");
    const auto b = r.call(3, "demo.count", "[3]", 2);
    // What is no document is wrapped by servers of ours.
    CHECK(r.feed(rig::reply(b.head.request_id,
                            R"({"cursor": {"id": {"$numberLong": "5"}, "ns": "demo.$cmd.count",
                                "firstBatch": [{"reply": 1}, {"reply": 2, "x": 1}]}, "ok": 1})")) ==
          texts{R"(3 item {"$numberInt":"1"})",
                R"(3 item {"reply":{"$numberInt":"2"},"x":{"$numberInt":"1"}})"});
    r.grant(3, 2);
    CHECK(r.answer(r.next(), R"({"ok": 0, "code": 43, "errmsg": "gone"})") ==
          "3 error 43 cursor_not_found: gone");
    const auto empty = r.call(4, "demo.count", "[0]", 2);
    CHECK(r.answer(empty, R"({"cursor": {"id": {"$numberLong": "0"}, "ns": "demo.x",
                              "firstBatch": []}, "ok": 1})") == "4 null");
}

TEST_CASE("a call that takes one answer gets the items of a cursor of ours in one array") {
    rig r(ours, {}, 1000);
    const auto a = r.call(1, "demo.count", "[3]");
    CHECK(r.answer(a, R"({"cursor": {"id": {"$numberLong": "5"}, "ns": "demo.$cmd.count",
                          "firstBatch": [{"reply": 1}, {"x": 2}]}, "ok": 1})") == "ignored");
    const auto more = r.next();
    CHECK(more.body.dump() == R"({"getMore":5,"collection":"$cmd.count","$db":"demo"})");
    CHECK(r.answer(more, R"({"cursor": {"id": {"$numberLong": "0"}, "ns": "demo.$cmd.count",
                             "nextBatch": [{"reply": 3}]}, "ok": 1})") ==
          R"(1 [{"$numberInt":"1"},{"x":{"$numberInt":"2"}},{"$numberInt":"3"}])");
    const auto large = R"({"cursor": {"id": {"$numberLong": "6"}, "ns": "demo.x",
                           "firstBatch": [{"reply": ")" +
                       std::string(990, 'x') + R"("}]}, "ok": 1})";
    CHECK(r.answer(r.call(2, "demo.count"), large) ==
          "2 error 10334 message_too_large: the items exceed the limit of a message, 1000 bytes");
    CHECK(r.next().body["killCursors"] == "x");
    // Given up in between.
    r.answer(r.call(3, "demo.count"), R"({"cursor": {"id": {"$numberLong": "5"}, "ns": "demo.x",
                                          "firstBatch": []}, "ok": 1})");
    const auto late = r.next();
    CHECK(r.cancel(3) == encoded::done);
    CHECK(r.next().body["killCursors"] == "x");
    CHECK(r.answer(late, R"({"cursor": {"id": {"$numberLong": "0"}, "nextBatch": []},
                             "ok": 1})") == "ignored");
}

TEST_CASE("cancelling asks a server of ours to stop, and kills cursors") {
    rig r(ours);
    const auto a = r.call(1, "demo.slow");
    CHECK(r.cancel(1) == encoded::done);
    auto kill = r.next();
    CHECK(kill.flags == op_msg::more_to_come);
    CHECK(kill.body.dump() ==
          R"({"killOp":1,"op":)" + std::to_string(a.head.request_id) + R"(,"$db":"admin"})");
    CHECK(r.answer(a, R"({"ok": 0, "code": 11601, "errmsg": "x"})") == "ignored");
    CHECK(r.cancel(1) == encoded::unsupported);

    const auto b = r.call(2, "demo.count", "[9]", 1);
    r.answer(b, R"({"cursor": {"id": {"$numberLong": "5"}, "ns": "demo.c",
                    "firstBatch": [{"reply": 1}]}, "ok": 1})");
    CHECK(r.cancel(2) == encoded::done);
    kill = r.next();
    CHECK(kill.flags == op_msg::more_to_come);
    CHECK(kill.body.dump() == R"({"killCursors":"c","cursors":[5],"$db":"demo"})");
    CHECK(r.grant(2, 1) == encoded::unsupported);

    // One that opens its cursor only then.
    const auto c = r.call(3, "demo.count", "[9]", 1);
    CHECK(r.cancel(3) == encoded::done);
    CHECK(r.next().body.contains("killOp"));
    CHECK(r.answer(c, R"({"cursor": {"id": {"$numberLong": "6"}, "ns": "demo.c",
                          "firstBatch": [{"reply": 1}]}, "ok": 1})") == "ignored");
    CHECK(r.next().body["cursors"] == json::parse("[6]"));

    // By whoever got the first item of several.
    const auto d = r.call(4, "demo.count", "[9]", 3);
    const auto batch = rig::reply(d.head.request_id, R"({"cursor": {"id": {"$numberLong": "7"},
        "ns": "demo.c", "firstBatch": [{"reply": 1}, {"reply": 2}]}, "ok": 1})");
    message m;
    CHECK(r.codec.decode(batch, m).size == 0);
    CHECK(m.kind == message_kind::item);
    CHECK(r.cancel(4) == encoded::done);
    message n;
    CHECK(r.codec.decode(batch, n).size == batch.size());
    CHECK(n.kind == message_kind::ignored);
    CHECK(r.next().body["cursors"] == json::parse("[7]"));
}

TEST_CASE("towards other servers a cancel forgets the reply") {
    rig r(others);
    const auto a = r.call(1, "demo.$cmd", R"({"find": "c"})");
    CHECK(r.cancel(1) == encoded::unsupported);
    CHECK(r.requests().empty());
    CHECK(r.answer(a, R"({"cursor": {"id": {"$numberLong": "6"}, "ns": "demo.c",
                          "firstBatch": []}, "ok": 1})") == "ignored");
    CHECK(r.next().body.dump() == R"({"killCursors":"c","cursors":[6],"$db":"demo"})");
    // Many that are never answered cost nothing for ever.
    for (int i = 2; i < 5000; ++i) {
        r.call(i, "a.b");
        r.cancel(i);
    }
    const auto last = r.call(9999, "a.b");
    CHECK(r.answer(last, R"({"ok": 1, "reply": true})") == "9999 true");
}

TEST_CASE("a batch survives that its bytes move between its items") {
    rig r(others);
    const auto a = r.call(1, "demo.find", "{}", 5);
    const auto reply = rig::reply(a.head.request_id, R"({"cursor": {"id": {"$numberLong": "0"},
        "firstBatch": [{"n": 1}, {"n": 2}]}, "ok": 1})");
    texts seen;
    for (;;) {
        const std::vector<std::uint8_t> moved(reply.data(), reply.data() + reply.size());
        message m;
        const auto d = r.codec.decode(moved, m);
        REQUIRE(d.what == decoded::state::message);
        seen.push_back(m.kind == message_kind::item ? bson::to_json(m.body).dump() : "end");
        if (d.size) break;
    }
    CHECK(seen == texts{R"({"n":1})", R"({"n":2})", "end"});
}

TEST_CASE("what both sides agree on is compressed, but no handshake") {
    mongodb_client_options options;
    options.compressors = {"snappy", "zlib"};
    rig r(R"({"ok": 1, "maxWireVersion": 21, "compression": ["zlib", "snappy"]})", options);
    CHECK(!r.greeting.packed);
    const auto a = r.call(1, "demo.echo", R"(["xxxxxxxxxxxxxxxxxxxxxxxxxxxx"])");
    CHECK(a.packed == compressor::snappy);
    for (auto* never : {"hello", "isMaster", "saslStart", "saslContinue", "getnonce",
                        "authenticate", "createUser", "updateUser", "copydbgetnonce"}) {
        const auto sent = r.call(100, "admin." + std::string(never));
        CHECK(!sent.packed);
        r.answer(sent, R"({"ok": 1})");
        const auto command = r.call(100, "admin.$cmd", "{\"" + std::string(never) + "\": 1}");
        CHECK(!command.packed);
        r.answer(command, R"({"ok": 1})");
    }
    const auto packed = [&](compressor c, std::string_view body) {
        auto reply = rig::reply(a.head.request_id, body);
        pack(reply, 0, c);
        return r.feed(reply);
    };
    CHECK(packed(compressor::zstd, R"({"ok": 1})") == texts{"OP_COMPRESSED: zstd was not offered"});
    CHECK(packed(compressor::zlib, R"({"reply": "y", "ok": 1})") == texts{R"(1 "y")"});
    // A batch lasts as long as it is read.
    const auto b = r.call(2, "demo.find", "{}", 2);
    auto reply = rig::reply(b.head.request_id, R"({"cursor": {"id": 3, "ns": "a.b",
                            "firstBatch": [{"n": 1}, {"n": 2}]}, "ok": 1})");
    pack(reply, 0, compressor::snappy);
    CHECK(r.feed(reply) ==
          texts{R"(2 item {"n":{"$numberInt":"1"}})", R"(2 item {"n":{"$numberInt":"2"}})"});
    r.grant(2, 1);
    CHECK(r.next().packed == compressor::snappy);

    rig plain(R"({"ok": 1, "maxWireVersion": 21, "compression": ["zstd"]})", options);
    CHECK(!plain.call(1, "demo.echo").packed);
}

TEST_CASE("what is no reply ends the connection") {
    const auto malformed = [](bytes all) {
        rig r(others, {}, 1000);
        std::ignore = r.call(1, "a.b");
        return r.feed(all).front();
    };
    const auto with = [](std::int32_t length, opcode op) {
        byte_buffer b;
        begin_message(b, op, 1, 1);
        detail::store_le(b.data(), length);
        return b;
    };
    CHECK(malformed(with(15, opcode::msg)) == "a message of 15 bytes, outside of 16 to 66536");
    CHECK(malformed(with(-1, opcode::msg)) == "a message of -1 bytes, outside of 16 to 66536");
    CHECK(malformed(with(66537, opcode::msg)).starts_with("a message of 66537 bytes, outside"));
    CHECK(malformed(with(16, opcode::query)) == "operation 2004 is not a reply");
    CHECK(malformed(with(16, opcode{77})) == "operation 77 is not a reply");
    CHECK(malformed(with(66536, opcode::msg)) == "incomplete");
    CHECK(malformed(rig::reply(1, R"({"ok": 1})", 1 << 2)) != "ignored"); // a required flag
    CHECK(malformed(rig::reply(1, R"({"ok": 1})", 1 << 17)) == "ignored");
    auto broken = rig::reply(1, R"({"ok": 1})");
    broken.data()[21] = 99; // the length of the document
    CHECK(malformed(broken) != "ignored");
    auto bomb = rig::reply(1, "{\"x\": \"" + std::string(70000, 'x') + "\"}");
    pack(bomb, 0, compressor::zlib);
    CHECK(malformed(bomb).find("is outside of the limit") != std::string::npos);
    auto nested = rig::reply(1, R"({"ok": 1})");
    pack(nested, 0, compressor::noop);
    pack(nested, 0, compressor::noop);
    CHECK(malformed(nested) == "OP_COMPRESSED: holds another one");
    byte_buffer query;
    op_query q;
    const auto body = document("{}");
    q.name = "a.b";
    q.query = body;
    put(query, q, 1);
    pack(query, 0, compressor::noop);
    CHECK(malformed(query) == "OP_COMPRESSED: what it holds is not a reply");
    byte_buffer old;
    put(old, op_reply(), 1, 2);
    CHECK(malformed(old) == "OP_REPLY answers an OP_MSG");
}

TEST_CASE("every cut of a reply is incomplete, and only the whole one counts") {
    rig r(others);
    const auto a = r.call(1, "a.b");
    const auto reply = rig::reply(a.head.request_id, R"({"reply": [1, {"x": 2}], "ok": 1})");
    for (std::size_t n = 0; n < reply.size(); ++n) {
        message m;
        const auto d = r.codec.decode(bytes(reply).first(n), m);
        CHECK(d.what == decoded::state::incomplete);
        CHECK(d.size == (n < header_size ? header_size : reply.size()));
    }
    CHECK(r.feed(reply).size() == 1);
}

TEST_CASE("only servers of others take whole commands in place of methods") {
    CHECK(rig(others).codec.takes_commands());
    CHECK(!rig(ours).codec.takes_commands());
    CHECK(!rig("").codec.takes_commands());
}

TEST_CASE("a method without a service is a command of the database, or of admin") {
    mongodb_client_options options;
    options.database = "";
    rig r(others, options);
    CHECK(r.call(1, "ping").body["$db"] == "admin");
    CHECK(r.send(message::control(message_kind::ping, 1)) == encoded::unsupported);
}

TEST_CASE("a handshake is answered by one message, and others are passed over") {
    rig r("");
    CHECK(r.feed(rig::reply(r.greeting.head.request_id + 1, ours)) == texts{"ignored"});
    const auto old = [](std::int32_t to, std::int32_t count) {
        byte_buffer out;
        op_reply m;
        m.count = count;
        const auto start = begin_reply(out, m, 900, to);
        for (int i = 0; i < count; ++i) out.append(document(others));
        end_message(out, start);
        return out;
    };
    const auto to = r.greeting.head.request_id;
    CHECK(r.feed(old(to + 1, 1)) == texts{"ignored"});
    CHECK(!r.codec.ready());
    CHECK(r.feed(old(to, 0)) == texts{"OP_REPLY: not one document answers the handshake"});
    CHECK(r.feed(old(to, 1)) == texts{"ignored"});
    CHECK(r.codec.ready());
    CHECK(r.feed(old(4711, 1)) == texts{"ignored"});
    auto wrong = old(4711, 1);
    wrong.data()[32] = 9; // numberReturned
    CHECK(r.feed(wrong).front().find("numberReturned is 9") != std::string::npos);
}

TEST_CASE("a hello is read leniently") {
    mongodb_client_options options;
    options.compressors = {"zlib"};
    for (const auto* extra : {R"("compression": "zlib")", R"("compression": [1, "zstd"])",
                              R"("maxBsonObjectSize": 0)", R"("oocrpc": 5)"}) {
        rig r(R"({"ok": 1, "minWireVersion": 0, "maxWireVersion": 17, )" + std::string(extra) + "}",
              options);
        CHECK(!r.call(1, "d.f").packed);
        CHECK(r.codec.takes_commands());
    }
}

TEST_CASE("a reply's sections are fields of it") {
    rig r(ours);
    const auto to = r.call(1, "d.f").head.request_id;
    byte_buffer all;
    const auto start = begin_msg(all, 0, 900, to);
    all.append(document(R"({"ok": 1.0})"));
    const auto section = begin_section(all, "reply");
    all.append(document(R"({"a": 1})"));
    end_section(all, section);
    end_message(all, start);
    CHECK(r.feed(all) == texts{R"(1 [{"a":{"$numberInt":"1"}}])"});
}

TEST_CASE("of what a server says of an error only what makes sense is taken") {
    const auto said = [](std::string_view reply) {
        rig r(others);
        return r.answer(r.call(1, "d.f"), reply);
    };
    CHECK(said(R"({"ok": 0, "$err": "a"})").ends_with(": a"));
    CHECK(said(R"({"ok": 0, "errmsg": "b", "$err": "a"})").ends_with(": b"));
    CHECK(said(R"({"ok": 0, "errmsg": 5})").ends_with("the server gave no reason"));
    const auto plain = said(R"({"ok": 0, "errmsg": "a"})");
    CHECK(said(R"({"ok": 0, "errmsg": "a", "code": {"$numberLong": "3000000000"}})") == plain);
    CHECK(said(R"({"ok": 0, "errmsg": "a", "code": {"$numberLong": "-3000000000"}})") == plain);
    CHECK(said(R"({"ok": 0, "errmsg": "a", "oocrpc": {"detail": 5, "x": 1}})") == plain);
    CHECK(said(R"({"ok": 0, "errmsg": "a", "cursor": 5})") == plain);
}

TEST_CASE("of the metadata of a reply texts are taken") {
    rig r(ours);
    r.answer(r.call(1, "d.f"),
             R"({"ok": 1.0, "reply": 1, "oocrpc": {"x": 1, "meta": {"n": 1, "k": "v"}}})");
    CHECK(*r.last.meta.find("k") == "v");
    CHECK(!r.last.meta.find("n"));
    r.answer(r.call(2, "d.f"), R"({"ok": 1.0, "reply": 1, "oocrpc": {"meta": 5}})");
    CHECK(r.last.meta.empty());
}

TEST_CASE("chains of replies may begin anew, and end with an error") {
    rig r(others);
    const auto first = r.call(1, "d.f");
    const auto to = first.head.request_id;
    CHECK(r.feed(rig::reply(to, R"({"ok": 1, "n": 1})", op_msg::more_to_come, 901)) ==
          texts{"ignored"});
    CHECK(r.feed(rig::reply(to, R"({"ok": 1, "n": 2})", op_msg::more_to_come, 902)) ==
          texts{"ignored"});
    CHECK(r.feed(rig::reply(902, R"({"ok": 0, "errmsg": "no"})", op_msg::more_to_come, 903))
              .front()
              .ends_with(": no"));
    CHECK(r.feed(rig::reply(903, R"({"ok": 1})")) == texts{"ignored"});
}

TEST_CASE("a cancelled call whose answer opens no cursor leaves nothing to kill") {
    for (const auto flags : {0u, +op_msg::more_to_come})
        for (const auto* reply : {R"({"ok": 1, "cursor": {"id": 0}})", R"({"ok": 0})",
                                  R"({"ok": 1, "cursor": {"id": {"$numberLong": "5"}}})"}) {
            rig r(others);
            const auto sent = r.call(1, "d.f");
            r.cancel(1);
            CHECK(r.answer(sent, reply, flags) == "ignored");
            const bool killed = !r.requests().empty();
            CHECK(killed == (flags == 0 && std::string_view(reply).find('5') != std::string::npos));
        }
}

TEST_CASE("items of a server of ours come out of their wrapper, others as they are") {
    rig r(ours);
    const auto sent = r.call(1, "d.f", "", 10);
    const auto seen = r.feed(rig::reply(
        sent.head.request_id,
        R"({"ok": 1.0, "cursor": {"x": 1, "id": 0, "firstBatch": [1, {}, {"reply": 2}, {"a": 3}]}})"));
    CHECK(seen == texts{R"(1 item {"$numberInt":"1"})", "1 item {}", R"(1 item {"$numberInt":"2"})",
                        R"(1 item {"a":{"$numberInt":"3"}})", "1 null"});
}

TEST_CASE("a batch that is not there is an empty one, and of a chain the last ends the stream") {
    rig r(others);
    const auto sent = r.call(1, "d.f", "", 10);
    CHECK(r.grant(1, 1) == encoded::done); // there is no cursor yet
    CHECK(r.requests().empty());
    const auto to = sent.head.request_id;
    CHECK(r.feed(rig::reply(to, R"({"ok": 1, "cursor": {"id": 0, "firstBatch": []}})",
                            op_msg::more_to_come, 901)) == texts{"ignored"});
    CHECK(r.feed(rig::reply(901, R"({"ok": 1, "cursor": {"id": {"$numberLong": "5"}}})")) ==
          texts{"ignored"});
    CHECK(r.next().body["getMore"] == 5);
}

TEST_CASE("between the items of a batch nothing is asked for that it may still hold") {
    rig r(others);
    const auto sent = r.call(1, "d.f", "", 1);
    const auto all = rig::reply(
        sent.head.request_id,
        R"({"ok": 1, "cursor": {"id": {"$numberLong": "5"}, "firstBatch": [{"a": 1}, {"a": 2}]}})");
    message m;
    CHECK(r.codec.decode(all, m).size == 0);
    CHECK(r.grant(1, 3) == encoded::done);
    CHECK(r.requests().empty());
    CHECK(r.feed(all) == texts{R"(1 item {"a":{"$numberInt":"2"}})"});
    CHECK(r.next().body["batchSize"] == 2);
}

TEST_CASE("a server of ours that answers with a result and a cursor has answered with the result") {
    rig r(ours);
    CHECK(r.answer(r.call(1, "d.f"), R"({"ok": 1.0, "reply": 7, "cursor": {"id": 0}})") ==
          R"(1 {"$numberInt":"7"})");
    const auto whole = r.call(2, "d.$cmd", R"({"find": "f"})");
    CHECK(r.answer(whole, R"({"ok": 1.0, "cursor": {"id": 0, "firstBatch": []}})")
              .starts_with("2 raw"));
}

TEST_CASE("items that end above the limit of a message are too large, and no cursor is left") {
    rig r(ours, {}, 100);
    const auto sent = r.call(1, "d.f");
    const auto batch =
        R"({"ok": 1.0, "cursor": {"id": 0, "firstBatch": [")" + std::string(200, 'x') + R"("]}})";
    CHECK(r.answer(sent, batch).find("message_too_large") != std::string::npos);
    CHECK(r.requests().empty());
}

TEST_CASE("the memory of a large result is given back") {
    rig r(others);
    const auto large = R"({"ok": 1, "text": ")" + std::string(300'000, 'x') + "\"}";
    CHECK(r.answer(r.call(1, "d.f"), large).size() > 300'000);
    CHECK(r.answer(r.call(2, "d.f"), R"({"ok": 1, "n": "x"})") == R"(2 {"n":"x"})");
}

TEST_CASE("the array of a delete travels as a section, no other array does") {
    rig r(others);
    const auto sections = [&](std::string_view command) {
        static std::int64_t id = 0;
        return r.call(++id, "d.$cmd", command).sections.size();
    };
    CHECK(sections(R"({"delete": "c", "deletes": [{"q": {}}, {"q": {}}]})") == 1);
    CHECK(sections(R"({"insert": "c", "x": [{}, {}], "documents": [{}, {}]})") == 1);
    CHECK(sections(R"({"find": "c", "x": [{}, {}]})") == 0);
}

TEST_CASE("a one-way write asks for no acknowledgement, unless it says what it wants") {
    rig r(others);
    const auto concern = [&](std::string_view command) {
        byte_buffer body = document(command);
        auto m = message::call("d.$cmd", {bson::type::document, body});
        m.oneway = true;
        REQUIRE(r.send(std::move(m)) == encoded::done);
        return r.next().body.value("writeConcern", json()).dump();
    };
    CHECK(concern(R"({"insert": "c", "documents": [{}]})") == R"({"w":0})");
    CHECK(concern(R"({"insert": "c", "documents": [{}], "writeConcern": {"w": 1}})") ==
          R"({"w":1})");
    CHECK(concern(R"({"ping": 1})") == "null");
}

TEST_CASE("metadata that is not UTF-8 is refused, with a command as with a method") {
    rig r(ours);
    byte_buffer body = document(R"({"ping": 1})");
    for (auto m : {message::call("d.f"), message::call("d.$cmd", {bson::type::document, body})}) {
        m.meta.set("k", "\xff");
        CHECK(r.send(std::move(m)) == encoded::invalid);
        CHECK(r.requests().empty());
    }
}

} // TEST_SUITE("mongodb_client_codec")
