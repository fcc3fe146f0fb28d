#include "support/mongodb.hpp"
#include "support/served.hpp"
#include "support/test.hpp"

#include "../lib/mongodb/command_names.hpp"
#include "../lib/mongodb/compression.hpp"
#include "../lib/mongodb/errors.hpp"
#include "../lib/mongodb/pending_requests.hpp"

#include <oocrpc/limits.hpp>
#include <oocrpc/mongodb_server_codec.hpp>

#include <deque>
#include <map>
#include <random>
#include <set>

using namespace oocrpc;
using namespace oocrpc::mongodb;
namespace t = oocrpc::test::mongodb;

namespace {

/// A codec, with what goes in and what comes out.
struct exchange {
    explicit exchange(std::size_t max_message = 16u << 20) : codec(max_message) {}

    /// The message that `data` is.
    message in(const std::string& request) {
        const auto& data = requests.emplace_back(request); // the message views it
        message m;
        const auto d = codec.decode(t::view(data), m);
        REQUIRE(d.reason == "");
        REQUIRE(d.what == decoded::state::message);
        CHECK(d.size == data.size());
        return m;
    }
    /// Why `data` is malformed.
    std::string refused(const std::string& data) {
        message m;
        const auto d = codec.decode(t::view(data), m);
        if (d.what != decoded::state::malformed) return {};
        CHECK(d.reason != "");
        return d.reason;
    }
    /// The error that the codec answers to `data` by itself, which leaves the connection as it is.
    json answered(const std::string& data) {
        const auto m = in(data);
        CHECK(m.kind == message_kind::ignored);
        byte_buffer b;
        codec.speak(b);
        kept = t::text(b);
        op_msg got;
        REQUIRE(parse(t::view(kept), got) == "");
        CHECK(read_header(t::view(kept)).response_to == 7);
        return t::to_json(got.body);
    }
    /// The bytes that `m` becomes.
    std::string out(const message& m, encoded expected = encoded::done) {
        byte_buffer b;
        b.append("before");
        CHECK(codec.encode(m, b) == expected);
        const auto all = t::text(b);
        CHECK(all.substr(0, 6) == "before");
        return all.substr(6);
    }
    /// The document of an OP_MSG answer to request 7.
    json answer(const message& m) {
        const auto data = out(m);
        op_msg got;
        REQUIRE(parse(t::view(data), got) == "");
        CHECK(read_header(t::view(data)).operation == opcode::msg);
        CHECK(read_header(t::view(data)).response_to == 7);
        CHECK(got.flags == 0);
        return t::to_json(got.body);
    }
    op_reply reply(const message& m) {
        kept = out(m);
        op_reply got;
        REQUIRE(parse(t::view(kept), got) == "");
        CHECK(read_header(t::view(kept)).operation == opcode::reply);
        CHECK(read_header(t::view(kept)).response_to == 7);
        return got;
    }

    mongodb_server_codec codec;
    std::string kept;
    std::deque<std::string> requests;
};

std::string arguments(const message& m) {
    return present(m.body) ? bson::to_json(m.body).dump() : "absent";
}
/// The call that a command is, as text.
std::string call(const std::string& command) {
    exchange x;
    const auto m = x.in(t::msg(command));
    CHECK(m.kind == message_kind::call);
    CHECK(!m.raw);
    return std::string(m.method) + " " + arguments(m);
}
std::string raw(const message& m) {
    CHECK(m.kind == message_kind::call);
    CHECK(m.raw);
    return std::string(m.method) + " " + arguments(m);
}
message reply_raw(std::int64_t id, const std::string& document) {
    auto m = message::reply(id, {bson::type::document, t::view(document)});
    m.raw = true;
    return m;
}
/// An int32, whose bytes live for ever.
bson::value_view number(std::int32_t n) {
    static std::map<std::int32_t, bson::value> all;
    return all.emplace(n, bson::to_value(n)).first->second;
}
const std::string add = R"({"add": [2, 3], "$db": "demo"})";

} // namespace

TEST_SUITE("mongodb_server_codec") {

TEST_CASE("a command that is not MongoDB's own is a call, its database the service") {
    CHECK(call(add) == "demo.add [2,3]");
    CHECK(call(R"({"add": {"a": 1, "b": 2}, "$db": "demo"})") == R"(demo.add {"a":1,"b":2})");
    CHECK(call(R"({"add": 1, "a": 1, "b": 2, "$db": "demo"})") == R"(demo.add {"a":1,"b":2})");
    CHECK(call(R"({"add": 1.0, "a": 1, "$db": "demo"})") == R"(demo.add {"a":1})");
    CHECK(call(R"({"add": true, "a": [{"b": "c"}], "$db": "demo"})") ==
          R"(demo.add {"a":[{"b":"c"}]})");
    CHECK(call(R"({"add": null, "a": 1, "$db": "demo"})") == R"(demo.add {"a":1})");
    for (const auto* mark : {"1", "1.0", "true", "null", R"({"$numberLong": "1"})"}) {
        const auto command = std::string(R"({"now": )") + mark + R"(, "$db": "demo"})";
        CHECK(call(command) == "demo.now absent");
    }
    CHECK(call(R"({"double": 7, "x": 1, "$db": "demo"})") == "demo.double 7");
    CHECK(call(R"({"not": false, "$db": "demo"})") == "demo.not false");
    CHECK(call(R"({"say": "hello", "$db": "demo"})") == R"(demo.say "hello")");
    CHECK(call(R"({"Ping_": 2, "$db": "demo"})") == "demo.Ping_ 2");
}

TEST_CASE("keys that every command may carry are no arguments") {
    CHECK(call(R"({"f": 1, "lsid": {"id": 1}, "a": 1, "txnNumber": 1, "$clusterTime": 1,
                   "$readPreference": {"mode": "primary"}, "comment": "x", "readConcern": {},
                   "writeConcern": {}, "apiVersion": "1", "apiStrict": true, "b": 2,
                   "apiDeprecationErrors": true, "maxTimeMSOpOnly": 1, "maxTimeMS": 5,
                   "autocommit": false, "startTransaction": true, "$db": "d"})") ==
          R"(d.f {"a":1,"b":2})");
    CHECK(call(R"({"f": 1, "lsid": {"id": 1}, "$db": "d"})") == "d.f absent");
    CHECK(call(R"({"f": 1, "LSID": 1, "Comment": 2, "$db": "d"})") ==
          R"(d.f {"LSID":1,"Comment":2})");
}

TEST_CASE("maxTimeMS is the deadline, in whatever number it comes") {
    exchange x;
    CHECK(x.in(t::msg(add)).timeout_ms == -1);
    for (const auto* ms : {"250", "250.0", R"({"$numberLong": "250"})"})
        CHECK(x.in(t::msg(std::string(R"({"f": [], "$db": "d", "maxTimeMS": )") + ms + "}"))
                  .timeout_ms == 250);
    CHECK(x.in(t::msg(R"({"f": [], "maxTimeMS": 0, "$db": "d"})")).timeout_ms == -1);
    CHECK(x.in(t::msg(R"({"find": "c", "maxTimeMS": 9, "$db": "d"})")).timeout_ms == 9);
    CHECK(x.in(t::msg(R"({"getMore": 5, "maxTimeMS": 9, "$db": "d"})")).timeout_ms == -1);
    for (const auto* wrong : {"-1", R"("1")"}) {
        const std::string tail = std::string(wrong) + R"(, "$db": "d"})";
        const auto error = x.answered(t::msg(R"({"f": [], "maxTimeMS": )" + tail));
        CHECK(error["code"] == 9);
        CHECK(error["errmsg"] == "maxTimeMS: expected a number of milliseconds");
    }
}

TEST_CASE("our own client says what else a call carries under $oocrpc") {
    exchange x;
    const auto m = x.in(t::msg(R"({"f": [1], "$oocrpc": {"stream": 32, "meta": {"tenant": "a"},
                                   "later": 1}, "$db": "d"})"));
    CHECK(m.credit == 32);
    REQUIRE(m.meta.find("tenant"));
    CHECK(*m.meta.find("tenant") == "a");
    for (const auto* wrong :
         {"1", R"({"stream": 0})", R"({"stream": "x"})", R"({"meta": 1})", R"({"meta": {"a": 1}})"})
        CHECK(x.answered(t::msg(std::string(R"({"f": [], "$db": "d", "$oocrpc": )") + wrong +
                                "}"))["code"] == 9);
}

TEST_CASE("a batchSize beside the arguments says how many items are wanted") {
    exchange x;
    CHECK(x.in(t::msg(R"({"count": [9], "batchSize": 2, "$db": "d"})")).credit == 2);
    CHECK(x.in(t::msg(R"({"count": [9], "batchSize": 0, "$db": "d"})")).credit == 0);
    CHECK(x.in(t::msg(R"({"count": 1, "batchSize": 2, "$db": "d"})")).credit == 0);
}

TEST_CASE("MongoDB's own commands are raw calls, whatever the case of their letters") {
    exchange x;
    for (const auto* name : {"hello", "isMaster", "ismaster", "PING", "buildInfo", "buildinfo",
                             "getMore", "killCursors", "endSessions", "listCollections"}) {
        const auto command = std::string(R"({")") + name + R"(": 1, "x": 2, "$db": "admin"})";
        std::string lower = name;
        for (auto& c : lower) c = static_cast<char>(std::tolower(c));
        CHECK(raw(x.in(t::msg(command))) == "admin." + lower + " " + json::parse(command).dump());
    }
}

TEST_CASE("find, insert and aggregate are commands on a collection, and names of methods else") {
    exchange x;
    const std::string found = R"({"find":"c","filter":{"a":1},"$db":"d"})";
    CHECK(raw(x.in(t::msg(found))) == "d.find " + found);
    CHECK(raw(x.in(t::msg(R"({"INSERT":"c","documents":[],"$db":"d"})"))).starts_with("d.insert "));
    CHECK(raw(x.in(t::msg(R"({"aggregate":"c","$db":"d"})"))).starts_with("d.aggregate "));
    CHECK(raw(x.in(t::msg(R"({"aggregate":1,"$db":"d"})"))).starts_with("d.aggregate "));
    CHECK(call(R"({"find": ["x"], "$db": "d"})") == R"(d.find ["x"])");
    CHECK(call(R"({"insert": 1, "$db": "d"})") == "d.insert absent");
    CHECK(call(R"({"aggregate": {"a": 1}, "$db": "d"})") == R"(d.aggregate {"a":1})");
}

TEST_CASE("sections are array fields of the command") {
    exchange x;
    const auto docs = t::document(R"({"a":1})") + t::document(R"({"b":2})");
    const auto list = t::list_section("documents", docs);
    auto m = x.in(t::msg(R"({"insert":"log","$db":"d"})", 0, 7, list));
    CHECK(raw(m) == R"(d.insert {"insert":"log","$db":"d","documents":[{"a":1},{"b":2}]})");
    CHECK(!bson::validate(m.body.as_document()));
    m = x.in(t::msg(R"({"log":1,"x":0,"$db":"d"})", 0, 7, list));
    CHECK(m.method == "d.log");
    CHECK(arguments(m) == R"({"x":0,"documents":[{"a":1},{"b":2}]})");
    m = x.in(t::msg(R"({"log":1,"$db":"d"})", 0, 7, list));
    CHECK(arguments(m) == R"({"documents":[{"a":1},{"b":2}]})");
}

TEST_CASE("a batch of more than 100,000 documents is refused") {
    exchange x;
    std::string docs;
    for (int i = 0; i < 100'000; ++i) docs += std::string("\5\0\0\0\0", 5);
    const auto command = R"({"insert":"log","$db":"d"})";
    CHECK(x.in(t::msg(command, 0, 7, t::list_section("documents", docs))).raw);
    docs += std::string("\5\0\0\0\0", 5);
    const auto error = x.answered(t::msg(command, 0, 7, t::list_section("documents", docs)));
    CHECK(error["errmsg"].get<std::string>().find("more than 100000 documents") !=
          std::string::npos);
    // Whoever sends too many is not read to the end: what is behind them is wrong, and is not seen.
    const auto seen = x.answered(
        t::msg(command, 0, 7, t::list_section("documents", docs + std::string(9, '\xff'))));
    CHECK(seen["errmsg"] == error["errmsg"]);
    // Those of all sections count together.
    const auto half = docs.substr(0, docs.size() / 10 * 5 + 5);
    const auto both = x.answered(
        t::msg(command, 0, 7, t::list_section("documents", half) + t::list_section("more", half)));
    CHECK(both["errmsg"].get<std::string>().find("more than 100000 documents") !=
          std::string::npos);
    CHECK(x.refused(t::message(2002, t::int32(0) + t::cstring("a.b") + docs)) != "");
    std::string ids;
    for (int i = 0; i <= 100'000; ++i) ids += t::int64(i);
    CHECK(x.refused(t::message(2007, t::int32(0) + t::int32(100'001) + ids)) != "");
}

TEST_CASE("ids count up from 1, and one-way requests have none") {
    exchange x;
    CHECK(x.in(t::msg(add)).id == 1);
    CHECK(x.in(t::msg(add)).id == 2);
    const auto m = x.in(t::msg(add, op_msg::more_to_come));
    CHECK(m.id == 0);
    CHECK(m.oneway);
    CHECK(x.in(t::msg(add)).id == 3);
}

TEST_CASE("ids are never used again while they are in use") {
    pending_requests p;
    std::mt19937 random(5);
    std::map<std::int64_t, std::int32_t> model;
    std::int64_t last = 0;
    for (std::int32_t i = 0; i < 20'000; ++i) {
        request r;
        r.request_id = i;
        const auto id = p.add(r);
        CHECK(id > last);
        last = id;
        model[id] = i;
        while (model.size() > 700 || (model.size() > 3 && random() % 2)) {
            auto at = model.begin();
            if (model.size() < 700)
                std::advance(at, random() % std::min<std::size_t>(model.size(), 5));
            p.remove(at->first);
            CHECK(!p.find(at->first));
            model.erase(at);
        }
    }
    CHECK(p.size() == model.size());
    for (const auto& [id, request_id] : model) {
        REQUIRE(p.find(id));
        CHECK(p.find(id)->request_id == request_id);
    }
    CHECK(!p.find(0));
    CHECK(!p.find(-1));
    CHECK(last < 200'000);
}

TEST_CASE("a result is answered under reply, to the request that it belongs to") {
    exchange x;
    const auto one = x.in(t::msg(add, 0, 11)).id;
    const auto two = x.in(t::msg(add, 0, -12)).id;
    const auto n = number(5);
    for (const auto& [id, request_id] : {std::pair(two, -12), std::pair(one, 11)}) {
        const auto data = x.out(message::reply(id, n));
        CHECK(read_header(t::view(data)).response_to == request_id);
        op_msg got;
        REQUIRE(parse(t::view(data), got) == "");
        CHECK(t::to_json(got.body).dump() == R"({"reply":5,"ok":1.0})");
        CHECK(bson::find(got.body, "ok")->t == bson::type::float64);
    }
    x.out(message::reply(one, n), encoded::unsupported); // was answered
}

TEST_CASE("every answer has a number of its own") {
    exchange x;
    std::set<std::int32_t> numbers;
    for (int i = 0; i < 5; ++i) {
        const auto data = x.out(message::reply(x.in(t::msg(add)).id, number(1)));
        numbers.insert(read_header(t::view(data)).request_id);
    }
    CHECK(numbers.size() == 5);
}

TEST_CASE("no result is null, and what goes beside it is under oocrpc") {
    exchange x;
    CHECK(x.answer(message::reply(x.in(t::msg(add)).id, absent)).dump() ==
          R"({"reply":null,"ok":1.0})");
    auto m = message::reply(x.in(t::msg(add)).id, number(1));
    m.meta.set("age", "3");
    CHECK(x.answer(m).dump() == R"({"reply":1,"oocrpc":{"meta":{"age":"3"}},"ok":1.0})");
}

TEST_CASE("a raw answer is the document itself, with one ok") {
    exchange x;
    CHECK(x.answer(reply_raw(x.in(t::msg(add)).id, t::document(R"({"n": 1})"))).dump() ==
          R"({"n":1,"ok":1.0})");
    CHECK(x.answer(reply_raw(x.in(t::msg(add)).id, t::document(R"({"ok": 0.0, "n": 1})"))).dump() ==
          R"({"ok":0.0,"n":1})");
    auto m = message::reply(x.in(t::msg(add)).id, number(1));
    m.raw = true;
    x.out(m, encoded::unsupported);
}

TEST_CASE("an error has a code, its name, and the texts") {
    exchange x;
    const auto id = x.in(t::msg(add)).id;
    CHECK(x.answer(message::error(id, errc::no_such_method, "'x': no such method")).dump() ==
          R"({"ok":0.0,"errmsg":"'x': no such method","code":59,"codeName":"CommandNotFound",)"
          R"("oocrpc":{"message":"no_such_method","detail":"'x': no such method"}})");
    const auto own = message::error(x.in(t::msg(add)).id, rpc_error("汉字", ""));
    CHECK(x.answer(own).dump() ==
          R"({"ok":0.0,"errmsg":"汉字","code":8000,"codeName":"OocrpcApplicationError",)"
          R"("oocrpc":{"message":"汉字","detail":""}})");
}

TEST_CASE("a request that was not begun may be sent again by the driver") {
    exchange x;
    const auto m = message::error(x.in(t::msg(add)).id, errc::overloaded, "busy");
    CHECK(x.answer(m)["errorLabels"].dump() == R"(["SystemOverloadedError","RetryableError"])");
}

TEST_CASE("codes by which drivers give up the server are an application's own") {
    for (const int code : {91, 189, 11600, 11602, 13436, 10107, 13435, 10058, 6, 7, 89, 134, 262,
                           9001, 391, 43, 0}) {
        const auto face = face_of({"m", "d", code}, false);
        CHECK(face.code == 8000);
        CHECK(face.name == "OocrpcApplicationError");
    }
    CHECK(face_of({"m", "d", 43}, true).code == 43);
    CHECK(face_of({"m", "d", 43}, true).name == "CursorNotFound");
    CHECK(face_of({"m", "d", 91}, true).code == 8000);
    CHECK(face_of({"m", "d", 4711}, false).code == 4711);
    CHECK(face_of({"m", "d", 50}, false).name == "MaxTimeMSExpired");
    CHECK(face_of({"m", "d", 11601}, false).name == "Interrupted");
    exchange x;
    auto gone = message::error(x.in(t::msg(add)).id, errc::cursor_not_found, "gone");
    CHECK(x.answer(gone)["code"] == 8000);
    gone.id = x.in(t::msg(R"({"getMore": 1, "$db": "d"})")).id;
    CHECK(x.answer(gone)["code"] == 43);
}

TEST_CASE("text that cannot travel leaves nothing behind, and the error for it follows") {
    exchange x;
    const auto id = x.in(t::msg(add)).id;
    x.out(message::error(id, errc::internal, "\xff"), encoded::invalid);
    CHECK(x.answer(message::error(id, errc::internal, "?"))["code"] == 1);
}

TEST_CASE("an answer above the limit is too large, and the error for it follows") {
    exchange x(1'000);
    const std::size_t most = 1'000 + (16 << 10);
    const auto id = x.in(t::msg(add)).id;
    const auto around = t::document(R"({"reply": "", "ok": 1.0})").size();
    auto text = [&](std::size_t size) { return bson::to_value(std::string(size - around, 'a')); };
    const auto large = text(most + 1);
    x.out(message::reply(id, large), encoded::too_large);
    CHECK(x.answer(message::error(id, errc::message_too_large, "large"))["code"] == 10334);
    const auto fits = text(most);
    CHECK(x.out(message::reply(x.in(t::msg(add)).id, fits)).size() == most + 21);
}

TEST_CASE("only answers can be sent") {
    exchange x;
    const auto id = x.in(t::msg(add)).id;
    for (const auto kind :
         {message_kind::item, message_kind::cancel, message_kind::credit, message_kind::ping,
          message_kind::pong, message_kind::goaway, message_kind::call})
        x.out(message::control(kind, id), encoded::unsupported);
    x.out(message::reply(99, number(1)), encoded::unsupported);
    x.out(message::error(0, errc::protocol_error, "nobody asked"), encoded::unsupported);
}

TEST_CASE("a command over OP_QUERY is answered by OP_REPLY with one document") {
    exchange x;
    for (const auto* command :
         {R"({"ismaster":1})", R"({"$query":{"ismaster":1},"$readPreference":{"mode":"x"}})",
          R"({"query":{"ismaster":1}})"}) {
        const auto m = x.in(t::query("admin.$cmd", command));
        CHECK(raw(m) == R"(admin.ismaster {"ismaster":1})");
        const auto got = x.reply(reply_raw(m.id, t::document(R"({"ismaster": true})")));
        CHECK(got.flags == 0);
        CHECK(got.cursor == 0);
        CHECK(got.count == 1);
        CHECK(t::to_json(got.documents).dump() == R"({"ismaster":true,"ok":1.0})");
    }
    auto m = x.in(t::query("demo.$cmd", R"({"add": [2, 3]})"));
    CHECK(m.method == "demo.add");
    CHECK(arguments(m) == "[2,3]");
    const auto got = x.reply(message::error(m.id, errc::invalid_argument, "no"));
    CHECK(t::to_json(got.documents)["code"] == 9);
    m = x.in(t::query("demo.$cmd", R"({"$query": {"add": 1, "a": 2}, "$maxTimeMS": 40})"));
    CHECK(arguments(m) == R"({"a":2})");
    CHECK(m.timeout_ms == 40);
}

TEST_CASE("OP_QUERY on a collection is a find") {
    exchange x;
    auto find = [&](std::int32_t wanted, std::int32_t flags = 0) {
        return arguments(x.in(t::query("d.c.e", R"({"a":1})", wanted, flags)));
    };
    const std::string begin = R"({"find":"c.e","filter":{"a":1},)", end = R"("$db":"d"})";
    CHECK(x.in(t::query("d.c.e", "{}")).method == "d.find");
    CHECK(find(0) == begin + end);
    CHECK(find(1) == begin + R"("limit":1,"singleBatch":true,)" + end);
    CHECK(find(-1) == begin + R"("limit":1,"singleBatch":true,)" + end);
    CHECK(find(-5) == begin + R"("limit":5,"singleBatch":true,)" + end);
    CHECK(find(INT32_MIN) == begin + R"("limit":2147483647,"singleBatch":true,)" + end);
    CHECK(find(20) == begin + R"("batchSize":20,)" + end);
    CHECK(find(20, 64 | 4) == begin + R"("batchSize":2147483647,)" + end);
    CHECK(arguments(x.in(t::query("d.c", R"({"$query":{"a":1},"$orderby":{}})", 0, 0, 7, 3,
                                  t::document(R"({"p":1})")))) ==
          R"({"find":"c","filter":{"a":1},"projection":{"p":1},"skip":3,"$db":"d"})");
    CHECK(arguments(
              x.in(t::query("backend.rpc", R"({"$query":{"funcname":"f","argstr":[[],{}]}})"))) ==
          R"({"find":"rpc","filter":{"funcname":"f","argstr":[[],{}]},)"
          R"("limit":1,"singleBatch":true,"$db":"backend"})");
}

TEST_CASE("the documents of a cursor are what OP_QUERY and OP_GET_MORE are answered with") {
    exchange x;
    auto id = x.in(t::query("d.c", "{}", 0)).id;
    auto got = x.reply(reply_raw(id, t::document(R"({"cursor": {"id": {"$numberLong": "99"},
                "ns": "d.c", "firstBatch": [{"a": 1}, {"b": 2}]}})")));
    CHECK(got.cursor == 99);
    CHECK(got.count == 2);
    CHECK(got.flags == 0);
    CHECK(t::text(got.documents) == t::document(R"({"a": 1})") + t::document(R"({"b": 2})"));

    const auto more =
        t::message(2005, t::int32(0) + t::cstring("d.c") + t::int32(-4) + t::int64(99));
    const auto m = x.in(more);
    CHECK(raw(m) == R"(d.getmore {"getMore":99,"collection":"c","batchSize":4,"$db":"d"})");
    CHECK(bson::find(m.body.as_document(), "getMore")->t == bson::type::int64);
    got = x.reply(reply_raw(m.id, t::document(R"({"cursor": {"id": {"$numberLong": "0"},
                "ns": "d.c", "nextBatch": []}})")));
    CHECK(got.cursor == 0);
    CHECK(got.count == 0);
}

TEST_CASE("what fails over OP_QUERY is flagged") {
    exchange x;
    auto got = x.reply(message::error(x.in(t::query("d.c", "{}")).id, errc::no_such_method, "no"));
    CHECK(got.flags == op_reply::query_failure);
    CHECK(t::to_json(got.documents).dump() == R"({"$err":"no","code":59})");
    const auto more = t::message(2005, t::int32(0) + t::cstring("d.c") + t::int32(0) + t::int64(9));
    got = x.reply(message::error(x.in(more).id, errc::cursor_not_found, "gone"));
    CHECK(got.flags == op_reply::cursor_not_found);
    CHECK(got.count == 0);
    got = x.reply(message::error(x.in(more).id, errc::cancelled, "stop"));
    CHECK(got.flags == op_reply::query_failure);
    CHECK(t::to_json(got.documents)["code"] == 11601);
}

TEST_CASE("writes of before OP_MSG are one-way") {
    exchange x;
    const auto docs = t::document(R"({"a":1})") + t::document(R"({"b":2})");
    for (const bool go_on : {false, true}) {
        const auto m = x.in(t::message(2002, t::int32(go_on) + t::cstring("d.log") + docs));
        CHECK(m.oneway);
        CHECK(m.id == 0);
        CHECK(raw(m) == R"(d.insert {"insert":"log","documents":[{"a":1},{"b":2}],"ordered":)" +
                            std::string(go_on ? "false" : "true") + R"(,"$db":"d"})");
    }
    const auto kill = x.in(t::message(2007, t::int32(0) + t::int32(2) + t::int64(5) + t::int64(6)));
    CHECK(kill.oneway);
    CHECK(raw(kill) == R"(admin.killcursors {"killCursors":"","cursors":[5,6],"$db":"admin"})");
    const auto head = t::int32(0) + t::cstring("a.b") + t::int32(0);
    for (const auto& data :
         {t::message(2001, head + docs), t::message(2006, head + t::document("{}")),
          t::message(1000, t::cstring("hello"))})
        CHECK(x.in(data).kind == message_kind::ignored);
}

TEST_CASE("a one-way killOp of a request's number cancels that call") {
    exchange x;
    x.in(t::msg(add, 0, 20));
    const auto id = x.in(t::msg(add, 0, 21)).id;
    const auto later = x.in(t::msg(add, 0, -21)).id;
    const auto kill = [&](const std::string& op, std::uint32_t flags = op_msg::more_to_come) {
        const auto command = R"({"killOp": 1, "op": )" + op + R"(, "$db": "admin"})";
        return x.in(t::msg(command, flags));
    };
    CHECK(kill("21").kind == message_kind::cancel);
    CHECK(kill("21").id == id);
    CHECK(kill("-21").id == later);
    CHECK(kill("4294967275").id == later);
    CHECK(kill("22").kind == message_kind::ignored);
    CHECK(raw(kill("4294967296")).starts_with("admin.killop "));
    CHECK(raw(kill("21", 0)).starts_with("admin.killop "));
    x.out(message::reply(id, number(1)));
    CHECK(kill("21").kind == message_kind::ignored);
}

TEST_CASE("what comes compressed is answered by the same compressor, but the handshake is not") {
    for (const auto c :
         {compressor::noop, compressor::snappy, compressor::zlib, compressor::zstd}) {
        exchange x;
        auto packed = [&](const std::string& data) {
            byte_buffer b;
            b.append(data);
            pack(b, 0, c);
            return t::text(b);
        };
        const auto m = x.in(packed(t::msg(add)));
        CHECK(m.method == "demo.add");
        CHECK(arguments(m) == "[2,3]");
        const auto data = x.out(message::reply(m.id, number(5)));
        byte_buffer inside;
        compressor used{};
        REQUIRE(unpack(t::view(data), 1'000, inside, used) == "");
        CHECK(used == c);
        CHECK(read_header(inside).response_to == 7);
        op_msg got;
        REQUIRE(parse(inside, got) == "");
        CHECK(t::to_json(got.body)["reply"] == 5);

        const auto hello = x.in(packed(t::msg(R"({"hello": 1, "$db": "admin"})")));
        CHECK(x.answer(reply_raw(hello.id, t::document("{}")))["ok"] == 1.0);
    }
}

TEST_CASE("lengths and operations are judged before anything is waited for") {
    exchange x;
    auto judge = [&](const std::string& data) {
        message m;
        return x.codec.decode(t::view(data), m);
    };
    for (const std::int64_t length : {15, 0, -1, 48'000'001})
        CHECK(judge(t::int32(length)).what == decoded::state::malformed);
    for (const int operation : {1, 2003, 2010, 2011, 0, 2014})
        CHECK(judge(t::message(operation, "abc")).what == decoded::state::malformed);
    CHECK(judge("").what == decoded::state::incomplete);
    CHECK(judge(t::int32(48'000'000)).what == decoded::state::incomplete);
    const auto data = t::msg(add);
    for (std::size_t n = 0; n < data.size(); ++n) {
        const auto d = judge(data.substr(0, n));
        CHECK(d.what == decoded::state::incomplete);
        CHECK(d.size == (n < 16 ? 16 : data.size()));
    }
    CHECK(judge(data + data).size == data.size());
    exchange small(1'000);
    CHECK(small.refused(t::int32(3'001)) != "");
    CHECK(small.refused(t::int32(3'000)) == "");
}

TEST_CASE("a peer that may send so much sends that, plain or compressed, and not one byte more") {
    const std::size_t most = limits().max_message_before_login;
    // A request of `size` bytes.
    const auto request = [](std::size_t size) {
        json body = json::parse(R"({"ping": 1, "x": "", "$db": "admin"})");
        body["x"] = std::string(size - t::msg(body.dump()).size(), 'x');
        const auto data = t::msg(body.dump());
        REQUIRE(data.size() == size);
        return data;
    };
    const auto packed = [](const std::string& plain, compressor c) {
        byte_buffer b;
        b.append(t::view(plain));
        pack(b, 0, c);
        return t::text(b);
    };
    exchange x;
    x.codec.take_at_most(most);
    CHECK(x.refused(request(most - 1)) == "");
    CHECK(x.refused(request(most)) == "");
    CHECK(x.refused(request(most + 1)) == "a message of 65537 bytes exceeds the limit of 65536");
    CHECK(x.refused(request(most + 1).substr(0, 4)) != ""); // before any of it is waited for
    for (const auto c : {compressor::snappy, compressor::zlib, compressor::zstd}) {
        CAPTURE(static_cast<int>(c));
        // What is small on the wire counts by what it becomes.
        REQUIRE(packed(request(most + 1), c).size() < most / 8);
        CHECK(x.refused(packed(request(most - 1), c)) == "");
        CHECK(x.refused(packed(request(most), c)) == "");
        CHECK(x.refused(packed(request(most + 1), c)) ==
              "OP_COMPRESSED: an uncompressedSize of 65521 is outside of the limit of a message, "
              "65536 bytes");
    }
    x.codec.take_at_most(SIZE_MAX); // has logged in
    CHECK(x.refused(request(most + 1)) == "");
    CHECK(x.refused(packed(request(most + 1), compressor::zlib)) == "");
}

TEST_CASE("a malformed request that can be told from the next is answered") {
    const auto body = t::body_section(add);
    for (const auto& data :
         {t::msg(add, 4), t::message(2013, t::int32(0) + body + body), t::msg(R"({"f": 1})"),
          t::msg(R"({"f": 1, "$db": 5})"), t::msg(R"({"f": 1, "$db": ""})"), t::msg("{}"),
          t::msg(R"({"$db": "d"})"), t::message(2013, t::int32(0)),
          t::message(2013, t::int32(0) + t::body_section(add) + '\5')}) {
        exchange x;
        const auto why = x.refused(data);
        CHECK(why.starts_with("OP_MSG: "));
        const auto answer = x.answer(message::error(0, errc::protocol_error, why));
        CHECK(answer["code"] == 17);
        CHECK(answer["codeName"] == "ProtocolError");
        CHECK(answer["errmsg"] == why);
        x.out(message::error(0, errc::protocol_error, why), encoded::unsupported);
    }
    exchange x;
    auto why = x.refused(t::query("d.$cmd", "{}"));
    auto got = x.reply(message::error(0, errc::protocol_error, why));
    CHECK(t::to_json(got.documents)["ok"] == 0.0);
    for (const auto& data :
         {t::query("d", "{}"), t::query("d.c", "{}", 0, 1), t::message(2004, t::int32(0) + "abc"),
          t::query(".c", "{}"), t::query("d.", "{}")}) {
        why = x.refused(data);
        REQUIRE(why != "");
        got = x.reply(message::error(0, errc::protocol_error, why));
        CHECK(got.flags == op_reply::query_failure);
        CHECK(t::to_json(got.documents)["code"] == 17);
    }
}

TEST_CASE("a malformed request that wants no answer gets none") {
    const auto body = t::body_section(add);
    auto packed = [](std::int32_t operation, std::int64_t size, const std::string& data) {
        return t::message(2012, t::int32(operation) + t::int32(size) + '\0' + data);
    };
    for (const auto& data :
         {t::message(2013, t::int32(2) + body + body), t::message(2013, "ab"),
          t::message(2002, t::int32(0) + t::cstring("d.c")), t::message(2007, t::int32(0)),
          t::message(2001, ""), t::message(1000, "abc"), packed(2012, 3, "abc"),
          packed(2013, 4, "abc"), packed(1, 3, "abc"), packed(2013, 47'999'985, "abc")}) {
        exchange x;
        const auto why = x.refused(data);
        REQUIRE(why != "");
        x.out(message::error(0, errc::protocol_error, why), encoded::unsupported);
    }
}

TEST_CASE("what large requests have taken is given back, and what they say stays until then") {
    exchange x;
    std::string docs;
    for (int i = 0; i < 50'000; ++i) docs += t::document("{}");
    const auto data = t::msg(R"({"insert":"log","$db":"d"})", 0, 7, t::list_section("x", docs));
    const auto m = x.in(data);
    CHECK(m.body.as_document().size() > docs.size());
    CHECK(!bson::validate(m.body.as_document()));
    byte_buffer out;
    x.codec.speak(out);
    CHECK(out.empty());
    CHECK(x.in(t::msg(add)).method == "demo.add");
}

TEST_CASE("whatever is cut or changed is a message, incomplete or malformed") {
    const auto docs = t::list_section("documents", t::document(R"({"a": 1})"));
    byte_buffer b;
    b.append(t::msg(add));
    pack(b, 0, compressor::zlib);
    for (const auto& sample :
         {t::msg(add), t::msg(R"({"insert":"log","$db":"d"})", 0, 7, docs), t::text(b),
          t::msg(
              R"({"f":1,"x":2,"maxTimeMS":5,"$oocrpc":{"stream":1,"meta":{"a":"b"}},"$db":"d"})"),
          t::query("d.$cmd", R"({"$query":{"isMaster":1}})"), t::query("d.c", R"({"a":"b"})", 5),
          t::message(2005, t::int32(0) + t::cstring("d.c") + t::int32(0) + t::int64(9)),
          t::message(2002, t::int32(0) + t::cstring("d.c") + t::document(add)),
          t::message(2007, t::int32(0) + t::int32(1) + t::int64(5))}) {
        for (std::size_t i = 0; i < sample.size(); ++i)
            for (const int change : {0x00, 0x01, 0x20, 0x80, 0xff}) {
                auto data = sample;
                data[i] = static_cast<char>(data[i] ^ change);
                if (change == 0) data.resize(i);
                if (change == 0 && i >= 16) data.replace(0, 4, t::int32(static_cast<int>(i)));
                const std::vector<std::uint8_t> exact(data.begin(), data.end());
                exchange x;
                message m;
                const auto d = x.codec.decode(exact, m);
                if (d.what == decoded::state::malformed) {
                    byte_buffer out;
                    x.codec.encode(message::error(0, errc::protocol_error, d.reason), out);
                } else if (d.what == decoded::state::message && m.id) {
                    byte_buffer out;
                    CHECK(x.codec.encode(message::reply(m.id, number(1)), out) == encoded::done);
                }
            }
    }
}

TEST_CASE("a malformed request is answered before its connection closes") {
    test::run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto [ours, theirs] = make_stream_pair(ex, ex);
        service demo{"demo"};
        demo.on("add", [](context&, message) -> maybe_awaitable<message> {
            return message::reply(0, {bson::type::null, {}});
        });
        auto serve = std::make_shared<const handler>(demo);
        auto codec = std::make_unique<mongodb_server_codec>();
        auto c = connection::start(std::move(ours), std::move(codec), std::move(serve));
        test::byte_peer peer(std::move(theirs));
        co_await peer.write(t::msg(add, 0, 5) + t::msg(R"({"add": 1})", 0, 6));
        std::string all;
        for (;;) {
            const auto more = co_await peer.read();
            if (more.empty()) break;
            all += more;
        }
        const auto first = t::view(all);
        REQUIRE(first.size() > 16);
        CHECK(read_header(first).response_to == 5);
        const auto second = first.subspan(static_cast<std::size_t>(read_header(first).length));
        REQUIRE(second.size() > 16);
        CHECK(read_header(second).response_to == 6);
        CHECK(static_cast<std::size_t>(read_header(second).length) == second.size());
        op_msg got;
        CHECK(parse(second, got) == "");
        CHECK(t::to_json(got.body)["errmsg"] == "OP_MSG: $db is missing or empty");
        co_await test::settle();
        CHECK(c->closed());
    });
}

TEST_CASE("names of commands are known in any case, and nothing else is") {
    for (const auto* name : {"hello", "HELLO", "isMaster", "ismaster", "getFreeMonitoringStatus",
                             "atlasVersion", "commitTransaction", "startsession"})
        CHECK(is_command_name(name));
    for (const auto* name : {"", "h", "hell", "helloo", "find", "insert", "aggregate", "add",
                             "describe", "\xff", "a name that is longer than any of them is"})
        CHECK(!is_command_name(name));
}

TEST_CASE("what is wrong with a command is told, whatever follows it") {
    exchange x;
    CHECK(x.refused(t::msg(R"({"$x": 1, "a": 2, "$db": "d"})")) ==
          "OP_MSG: the first key is no command");
    CHECK(x.refused(t::msg(R"({"": 1, "$db": "d"})")) == "OP_MSG: the first key is no command");
    byte_buffer twice;
    bson::document_writer doc(twice);
    doc.add("add", std::int32_t{1});
    for (int i = 0; i < 2; ++i) bson::document_writer(doc, "$oocrpc").finish();
    doc.add("$db", "d");
    doc.finish();
    CHECK(x.refused(t::message(2013, t::int32(0) + '\0' + t::text(twice))) ==
          "OP_MSG: $oocrpc stands there twice");
}

TEST_CASE("a number that is not 1 is an argument, and a batch is no larger than an int32") {
    CHECK(call(R"({"half": 2.5, "$db": "d"})") == "d.half 2.5");
    exchange x;
    const auto batch = R"({"add": [1], "batchSize": {"$numberLong": "3000000000"}, "$db": "d"})";
    CHECK(x.in(t::msg(batch)).credit == 0);
}

TEST_CASE("a one-way request that is refused is passed over without a word") {
    exchange x;
    const auto m = x.in(t::msg(R"({"add": [1], "maxTimeMS": -1, "$db": "d"})", 2));
    CHECK(m.kind == message_kind::ignored);
    byte_buffer out;
    x.codec.speak(out);
    CHECK(out.empty());
}

TEST_CASE("commands of MongoDB's own carry metadata, too") {
    exchange x;
    const auto m = x.in(t::msg(R"({"ping": 1, "$oocrpc": {"meta": {"k": "v"}}, "$db": "d"})"));
    CHECK(m.raw);
    REQUIRE(m.meta.find("k"));
    CHECK(*m.meta.find("k") == "v");
}

TEST_CASE("a one-way killOp that names no request of the connection is a command") {
    const auto kind = [](const std::string& command) {
        exchange x;
        return x.in(t::msg(command, 2)).kind;
    };
    CHECK(kind(R"({"killOp": 1, "$db": "admin"})") == message_kind::call);
    CHECK(kind(R"({"killOp": 1, "op": "7", "$db": "admin"})") == message_kind::call);
    CHECK(kind(R"({"killOp": 1, "op": {"$numberLong": "-3000000000"}, "$db": "admin"})") ==
          message_kind::call);
    CHECK(kind(R"({"killOp": 1, "op": {"$numberLong": "9000000000"}, "$db": "admin"})") ==
          message_kind::call);
    CHECK(kind(R"({"killOp": 1, "op": {"$numberLong": "7"}, "$db": "admin"})") ==
          message_kind::ignored);
}

TEST_CASE("the deadline of an OP_QUERY is the command's own, else that of its wrapper") {
    const auto timeout = [](const std::string& command) {
        exchange x;
        return x.in(t::query("d.$cmd", command)).timeout_ms;
    };
    CHECK(timeout(R"({"add": [1], "maxTimeMS": 5})") == 5);
    CHECK(timeout(R"({"$query": {"add": [1]}, "$maxTimeMS": 6})") == 6);
    CHECK(timeout(R"({"$query": {"add": [1], "maxTimeMS": 5}, "$maxTimeMS": 6})") == 5);
    CHECK(timeout(R"({"$query": {"add": [1]}, "$maxTimeMS": 0})") == -1);
    CHECK(timeout(R"({"$query": {"add": [1]}, "$maxTimeMS": "6"})") == -1);
    exchange x;
    const auto m = x.in(t::query("d.$cmd", R"({"add": [1], "maxTimeMS": -1})"));
    CHECK(m.kind == message_kind::ignored); // and answered at once
    CHECK(x.refused(t::query("d.$cmd", R"({"$query": 5})")) ==
          "OP_QUERY: the first key is no command");
}

TEST_CASE("an error's metadata goes along") {
    exchange x;
    auto m = message::error(x.in(t::msg(add)).id, errc::internal, "no");
    m.meta.set("k", "v");
    CHECK(x.answer(m)["oocrpc"]["meta"]["k"] == "v");
}

TEST_CASE("an answer that cannot be written leaves nothing, whichever part of it is at fault") {
    exchange x(1000);
    const std::string bad("\xff");
    auto m = message::reply(x.in(t::msg(add)).id, number(1));
    m.meta.set("k", bad);
    CHECK(x.out(m, encoded::invalid) == "");
    const auto large = bson::to_value(std::string(30'000, 'x'));
    CHECK(x.out(message::reply(m.id, large), encoded::too_large) == "");
    auto error = message::error(m.id, errc::internal, std::string(30'000, 'x'));
    CHECK(x.out(error, encoded::too_large) == "");
}

TEST_CASE("what is no cursor is the one document of an OP_REPLY") {
    const auto answered = [](const std::string& document) {
        exchange x;
        const auto got = x.reply(reply_raw(x.in(t::query("d.c", "{}")).id, t::document(document)));
        std::string text = std::to_string(got.cursor);
        for (const bytes d : documents(got.documents)) text += " " + t::to_json(d).dump();
        return text;
    };
    CHECK(answered(R"({"ok": 1.0})") == R"(0 {"ok":1.0})");
    CHECK(answered(R"({"cursor": 5, "ok": 1.0})") == R"(0 {"cursor":5,"ok":1.0})");
    CHECK(answered(R"({"cursor": {"id": "x", "firstBatch": 5}})") == "0");
    CHECK(answered(R"({"cursor": {"id": 5, "firstBatch": [1, {"a": 2}]}})") == R"(0 {"a":2})");
}

TEST_CASE("the memory of a method's long name is given back") {
    exchange x;
    const std::string name(300'000, 'm');
    CHECK(x.in(t::msg(R"({")" + name + R"(": 1, "$db": "d"})")).method == "d." + name);
    CHECK(x.in(t::msg(add)).method == "demo.add");
}

} // TEST_SUITE("mongodb_server_codec")
