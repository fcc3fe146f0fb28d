#include "support/mongodb_driver.hpp"
#include "support/mongodb_service.hpp"
#include "support/served.hpp"

#include "../lib/mongodb/commands.hpp"

#include <oocrpc/version.hpp>

#include <algorithm>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

/// One driver on the service of the support header.
struct fixture {
    explicit fixture(const any_io_executor& executor, connection_options options = {})
        : ex(executor),
          serve(mongodb::answer_commands(make_mongodb_demo(trace), registry)),
          db(ex, serve, std::move(options)) {}
    awaitable<void> close() { co_await db.hang_up(); }

    any_io_executor ex;
    service_trace trace;
    std::shared_ptr<call_registry> registry = std::make_shared<call_registry>();
    handler serve;
    driver db;
};

template <class F> void with_driver(F f, connection_options options = {}) {
    run([&]() -> awaitable<void> {
        fixture at(co_await this_coro::executor, options);
        co_await f(at);
        co_await at.close();
        CHECK(at.registry->cursors.size() == 0);
        CHECK(at.registry->calls.size() == 0);
    });
}

struct pair {
    std::string command;
    std::string answer;
};
/// Runs one command after the other and compares the answers; what stands as "$_" is not looked at.
void answers(std::vector<pair> all) {
    with_driver([&](fixture& at) -> awaitable<void> {
        for (const auto& p : all) {
            CAPTURE(p.command);
            const auto got = co_await at.db.text(p.command);
            CHECK(got == p.answer);
        }
    });
}

std::string error(std::string_view detail, int code, std::string_view name,
                  std::string_view message) {
    json e = json::object();
    e["ok"] = 0.0;
    e["errmsg"] = detail;
    e["code"] = code;
    e["codeName"] = name;
    e["oocrpc"]["message"] = message;
    e["oocrpc"]["detail"] = detail;
    return e.dump();
}
std::string invalid(std::string_view detail) {
    return error(detail, 9, "FailedToParse", "invalid_argument");
}
std::string batch(std::string_view documents, std::string_view ns) {
    return R"({"cursor":{"firstBatch":)" + std::string(documents) + R"(,"id":0,"ns":")" +
           std::string(ns) + R"("},"ok":1.0})";
}

} // namespace

TEST_SUITE("mongodb_commands") {

TEST_CASE("a command whose name is none of MongoDB's calls a method of the service") {
    answers({{R"({"add": [1, 2], "$db": "demo"})", R"({"reply":3,"ok":1.0})"},
             {R"({"add": {"a": 1, "b": 2}, "$db": "demo"})", R"({"reply":3,"ok":1.0})"},
             {R"({"add": 1, "a": 1, "b": 2, "$db": "demo"})", R"({"reply":3,"ok":1.0})"},
             {R"({"add": [1, 2], "$db": "elsewhere"})", R"({"reply":3,"ok":1.0})"},
             {R"({"add": [3, 4], "$db": "elsewhere"})", R"({"reply":7,"ok":1.0})"},
             {R"({"demo.add": [3, 4], "$db": "admin"})", R"({"reply":7,"ok":1.0})"},
             {R"({"nothing": 1, "$db": "demo"})", R"({"reply":null,"ok":1.0})"},
             {R"({"slow": [5], "$db": "demo"})", R"({"reply":5,"ok":1.0})"},
             {R"({"numbers": [3], "$db": "demo"})", R"({"reply":[0,1,2],"ok":1.0})"},
             {R"({"add": ["x", 2], "$db": "demo"})", invalid("a: expected int32, got string")},
             {R"({"fail": ["own", "出错", 8123], "$db": "demo"})",
              error("出错", 8123, "OocrpcApplicationError", "own")},
             {R"({"fail": ["own", "moved", 10107], "$db": "demo"})",
              error("moved", 8000, "OocrpcApplicationError", "own")},
             {R"({"minus": [1, 2], "$db": "demo"})",
              error("no such command: 'minus'", 59, "CommandNotFound", "no_such_method")}});
}

TEST_CASE("a method is described once for a connection, and a plain one answers at once") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        service_trace trace;
        std::vector<std::string> asked;
        auto seen = [&, inner = handler(make_mongodb_demo(trace))](context& c, message call) {
            asked.push_back(std::string(call.method));
            CHECK(c.method() == call.method);
            return inner(c, std::move(call));
        };
        auto registry = std::make_shared<call_registry>();
        driver db(ex, mongodb::answer_commands(seen, registry));
        for (int i = 0; i < 3; ++i) co_await db.run(R"({"add": [1, 2], "$db": "x"})");
        co_await db.run(R"({"find": "add", "filter": {"a": 1, "b": 2}, "$db": "x"})");
        const std::vector<std::string> expected{
            "oocrpc.describe", "oocrpc.describe", "add", "add", "add", "add"};
        CHECK(asked == expected);
        co_await db.hang_up();
    });
}

TEST_CASE("a handler that describes nothing is called all the same") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<std::string> asked;
        auto bare = [&](context&, message call) -> maybe_awaitable<message> {
            asked.push_back(std::string(call.method));
            if (call.method == "add") return message::reply(0, call.body);
            return message::error(0, errc::no_such_method, "no");
        };
        driver db(ex, mongodb::answer_commands(bare, std::make_shared<call_registry>()));
        const auto got = co_await db.text(R"({"add": [1, 2], "$db": "demo"})");
        CHECK(got == R"({"reply":[1,2],"ok":1.0})");
        // For both names, and for whole commands.
        const std::vector<std::string> expected{"oocrpc.describe", "oocrpc.describe",
                                                "oocrpc.describe", "demo.add", "add"};
        CHECK(asked == expected);
        co_await db.hang_up();
    });
}

TEST_CASE("a handler that takes whole commands gets those that it has no method for as they are") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        method_description whole;
        whole.name = "demo.$cmd";
        auto echo = [](context&, message call) -> maybe_awaitable<message> {
            return message::reply(0, call.body);
        };
        service s("demo");
        s.on(whole, echo);
        driver db(ex, mongodb::answer_commands(s, std::make_shared<call_registry>()));
        const std::vector<std::string> commands{R"({"plain":"c","x":1)", R"({"a.b":"c","x":1)",
                                                R"({"find":"a.b","filter":{"x":1})"};
        for (const auto& c : commands) {
            CAPTURE(c);
            const auto got = co_await db.text(c + R"(, "$db": "demo"})");
            CHECK(got == c + R"(,"ok":1.0})");
        }
        co_await db.hang_up();
    });
}

TEST_CASE("calls of other protocols pass untouched") {
    service_trace trace;
    ask(mongodb::answer_commands(make_mongodb_demo(trace), std::make_shared<call_registry>()),
        {{"demo.add", "[1, 2]", "3"},
         {"demo.find", "", "no_such_method: 'demo.find': no such method"}});
}

TEST_CASE("hello tells numbers of 32 bits and nothing that sends a driver elsewhere") {
    with_driver([](fixture& at) -> awaitable<void> {
        for (const std::string name : {"hello", "isMaster", "ismaster"}) {
            CAPTURE(name);
            std::string command = R"({")" + name + R"(": 1, "helloOk": true, "compression":)" +
                                  R"(["none", "zstd", "zlib", "zstd"], "$db": "admin"})";
            const auto id = co_await at.db.send(std::move(command));
            json got = co_await at.db.answer(id, bson::json_mode::canonical);
            CHECK(got["localTime"].contains("$date"));
            got.erase("localTime");
            const json expected = json::parse(R"({"helloOk": true, "ismaster": true,
                "isWritablePrimary": true, "maxBsonObjectSize": {"$numberInt": "16777216"},
                "maxMessageSizeBytes": {"$numberInt": "48000000"},
                "maxWriteBatchSize": {"$numberInt": "100000"},
                "logicalSessionTimeoutMinutes": {"$numberInt": "30"},
                "connectionId": {"$numberInt": "1"}, "minWireVersion": {"$numberInt": "0"},
                "maxWireVersion": {"$numberInt": "21"}, "readOnly": false,
                "compression": ["zstd", "zlib"], "oocrpc": {"version": ""},
                "ok": {"$numberDouble": "1.0"}})");
            CHECK(got["oocrpc"]["version"] == version);
            got["oocrpc"]["version"] = "";
            CHECK(got == expected);
        }
        const json plain = co_await at.db.run(R"({"hello": true, "saslSupportedMechs": "admin.x",
                                                  "$db": "admin"})");
        CHECK(!plain.contains("helloOk"));
        CHECK(!plain.contains("compression"));
        CHECK(plain["saslSupportedMechs"] == json::array());
    });
}

TEST_CASE("hello tells the limits of the connection") {
    connection_options small;
    small.limit.max_message = 1 << 20;
    with_driver(
        [](fixture& at) -> awaitable<void> {
            const json got = co_await at.db.run(R"({"hello": 1, "$db": "admin"})");
            CHECK(got["maxBsonObjectSize"] == 1 << 20);
            CHECK(got["maxMessageSizeBytes"] == 3 << 20);
        },
        small);
}

TEST_CASE("commands about connections, sessions and authentication are answered") {
    answers(
        {{R"({"ping": 1, "$db": "x"})", R"({"ok":1.0})"},
         {R"({"endSessions": [], "$db": "admin"})", R"({"ok":1.0})"},
         {R"({"refreshSessions": [], "$db": "admin"})", R"({"ok":1.0})"},
         {R"({"logout": 1, "$db": "admin"})", R"({"ok":1.0})"},
         {R"({"whatsmyuri": 1, "$db": "admin"})", R"({"you":"memory","ok":1.0})"},
         {R"({"connectionStatus": 1, "$db": "admin"})",
          R"({"authInfo":{"authenticatedUsers":[],"authenticatedUserRoles":[]},"ok":1.0})"},
         {R"({"saslStart": 1, "$db": "admin"})", error("no user can be authenticated here", 18,
                                                       "AuthenticationFailed", "unauthenticated")},
         {R"({"abortTransaction": 1, "$db": "admin"})",
          error("transactions are not served here", 20, "IllegalOperation", "IllegalOperation")}});
    with_driver([](fixture& at) -> awaitable<void> {
        const json nonce = co_await at.db.run(R"({"getnonce": 1, "$db": "admin"})");
        CHECK(nonce["nonce"].get<std::string>().size() == 16);
        const json session = co_await at.db.run(R"({"startSession": 1, "$db": "admin"})");
        CHECK(session["id"]["id"].is_binary());
        CHECK(session["id"]["id"].get_binary().subtype() == 4);
        CHECK(session["timeoutMinutes"] == 30);
    });
}

TEST_CASE("tools are told what the server is") {
    answers(
        {{R"({"getParameter": 1, "featureCompatibilityVersion": 1, "$db": "admin"})",
          R"({"featureCompatibilityVersion":{"version":"7.0"},"ok":1.0})"},
         {R"({"getParameter": "foo", "$db": "admin"})",
          error("no option found to get", 72, "InvalidOptions", "InvalidOptions")},
         {R"({"getCmdLineOpts": 1, "$db": "admin"})",
          R"({"argv":["oocrpc"],"parsed":{},"ok":1.0})"},
         {R"({"getLog": "startupWarnings", "$db": "admin"})",
          R"({"totalLinesWritten":0,"log":[],"ok":1.0})"},
         {R"({"getLog": "x", "$db": "admin"})",
          invalid("getLog: no log 'x', but global and startupWarnings")},
         {R"({"getFreeMonitoringStatus": 1, "$db": "admin"})", R"({"state":"disabled","ok":1.0})"},
         {R"({"atlasVersion": 1, "$db": "admin"})",
          error("no such command: 'atlasversion'", 59, "CommandNotFound", "no_such_method")}});
    with_driver([](fixture& at) -> awaitable<void> {
        const json build = co_await at.db.run(R"({"buildinfo": 1, "$db": "admin"})");
        CHECK(build["version"] == "7.0.0");
        CHECK(build["maxBsonObjectSize"] == 16777216);
        const json host = co_await at.db.run(R"({"hostInfo": 1, "$db": "admin"})");
        CHECK(host["system"]["numCores"].is_number_integer());
        const json status = co_await at.db.run(R"({"serverStatus": 1, "$db": "admin"})");
        CHECK(status["metrics"]["cursor"]["open"]["total"] == 0);
        const json all = co_await at.db.run(R"({"getParameter": "*", "$db": "admin"})");
        CHECK(all.contains("authenticationMechanisms"));
    });
}

TEST_CASE("services are databases, methods collections and commands") {
    answers(
        {{R"({"listDatabases": 1, "nameOnly": true, "$db": "admin"})",
          R"({"databases":[{"name":"demo"}],"ok":1.0})"},
         {R"({"listCollections": 1, "filter": {"name": "add"}, "nameOnly": true, "cursor": {},
                  "$db": "demo"})",
          batch(R"([{"name":"add","type":"collection"}])", "demo.$cmd.listCollections")},
         {R"({"listCollections": 1, "filter": {"size": 1}, "$db": "demo"})",
          invalid("filter.size: not served here")},
         {R"({"listCollections": 1, "$db": "other"})", batch("[]", "other.$cmd.listCollections")}});
    with_driver([](fixture& at) -> awaitable<void> {
        const json full = co_await at.db.run(R"({"listDatabases": 1, "$db": "admin"})");
        CHECK(full["databases"][0]["empty"] == false);
        const json commands = co_await at.db.run(R"({"listCommands": 1, "$db": "demo"})");
        CHECK(commands["commands"].contains("isMaster"));
        CHECK(commands["commands"]["add"]["help"] == "a method of the service");
        const json first = co_await at.db.run(R"({"listCollections": 1, "cursor": {"batchSize": 2},
                                                  "$db": "demo"})");
        CHECK(first["cursor"]["firstBatch"].size() == 2);
        CHECK(first["cursor"]["id"] != 0);
    });
}

TEST_CASE("find calls a method with the filter as its arguments") {
    answers(
        {{R"({"find": "add", "filter": {"a": 1, "b": 2}, "$db": "demo"})",
          batch(R"([{"reply":3}])", "demo.add")},
         {R"({"find": "add", "filter": {"a": 1, "b": 3}, "limit": 1, "singleBatch": true,
                  "$db": "demo"})",
          batch(R"([{"reply":4}])", "demo.add")},
         {R"({"find": "numbers", "filter": {"n": 4, "$comment": "x"}, "skip": 1, "limit": 2,
                  "$db": "demo"})",
          batch(R"([{"reply":1},{"reply":2}])", "demo.numbers")},
         {R"({"find": "nothing", "filter": {}, "$db": "demo"})",
          batch(R"([{"reply":null}])", "demo.nothing")},
         {R"({"find": "nothing", "$db": "demo"})", batch(R"([{"reply":null}])", "demo.nothing")},
         {R"({"find": "points", "filter": {"n": 2}, "tailable": true, "awaitData": true,
                  "noCursorTimeout": true, "allowPartialResults": true, "$db": "demo"})",
          batch(R"([{"x":0,"y":0},{"x":1,"y":-1}])", "demo.points")},
         {R"({"find": "slow", "filter": {"ms": 3}, "$db": "demo"})",
          batch(R"([{"reply":3}])", "demo.slow")},
         {R"({"find": "add", "filter": {"a": 1}, "$db": "demo"})",
          invalid("b: missing, expected int32")},
         {R"({"find": "add", "filter": {"$or": []}, "$db": "demo"})",
          invalid("$or: a filter holds arguments, not operators")},
         {R"({"find": "add", "filter": {}, "sort": {"a": 1}, "$db": "demo"})",
          invalid("sort: not served here")},
         {R"({"find": "add", "limit": "x", "$db": "demo"})",
          invalid("limit: expected an integer, got string")},
         {R"({"find": "minus", "filter": {}, "$db": "demo"})",
          error("no such command: 'minus'", 59, "CommandNotFound", "no_such_method")}});
}

TEST_CASE("empty sort, projection and hint are no demands") {
    answers({{R"({"find": "add", "filter": {"a": 1, "b": 2}, "sort": {}, "projection": {},
                  "hint": {}, "$db": "demo"})",
              batch(R"([{"reply":3}])", "demo.add")}});
}

TEST_CASE("aggregate with $match alone is find, other stages are refused by name") {
    answers({{R"({"aggregate": "add", "pipeline": [{"$match": {"a": 1, "b": 2}}], "cursor": {},
                  "$db": "demo"})",
              batch(R"([{"reply":3}])", "demo.add")},
             {R"({"aggregate": "nothing", "pipeline": [], "cursor": {}, "$db": "demo"})",
              batch(R"([{"reply":null}])", "demo.nothing")},
             {R"({"aggregate": "add", "pipeline": [{"$match": {}}, {"$group": {"_id": 1}}],
                  "cursor": {}, "$db": "demo"})",
              invalid("stage $group: not served here")},
             {R"({"aggregate": "add", "pipeline": [], "explain": true, "$db": "demo"})",
              invalid("explain: not served here")},
             {R"({"aggregate": 1, "pipeline": [{"$listLocalSessions": {}}], "$db": "admin"})",
              invalid("stage $listLocalSessions on a database: not served here")},
             {R"({"aggregate": "atlascli", "pipeline": [{"$match": {"x": 1}}], "$db": "admin"})",
              error("no such command: 'atlascli'", 59, "CommandNotFound", "no_such_method")}});
}

TEST_CASE("insert calls a method once for each document, without the _id that drivers add") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto got = co_await at.db.canonical(
            R"({"insert": "log", "documents": [{"_id": {"$oid": "0123456789abcdef01234567"},
                "text": "a"}, {"text": "b"}], "ordered": true, "$db": "demo"})");
        CHECK(got == R"({"n":{"$numberInt":"2"},"ok":{"$numberDouble":"1.0"}})");
        const std::vector<std::string> expected{"a", "b"};
        CHECK(at.trace.logged == expected);
        const auto kept =
            co_await at.db.text(R"({"insert": "keep", "documents": [{"_id": 7}], "$db": "demo"})");
        CHECK(kept == R"({"n":1,"ok":1.0})");
    });
}

TEST_CASE("an ordered insert stops at the first failure, another one goes on") {
    const std::string documents =
        R"("documents": [{"text": "a"}, {"text": "bad"}, {"text": "c"}, {"wrong": 1}])";
    const std::string first = R"({"index":1,"code":8000,"errmsg":"bad text",)"
                              R"("oocrpc":{"message":"rejected","detail":"bad text"}})";
    const std::string second =
        R"({"index":3,"code":9,"errmsg":"text: missing, expected string",)"
        R"("oocrpc":{"message":"invalid_argument","detail":"text: missing, expected string"}})";
    answers({{R"({"insert": "log", )" + documents + R"(, "$db": "demo"})",
              R"({"n":1,"writeErrors":[)" + first + R"(],"ok":1.0})"},
             {R"({"insert": "log", "ordered": false, )" + documents + R"(, "$db": "demo"})",
              R"({"n":2,"writeErrors":[)" + first + "," + second + R"(],"ok":1.0})"},
             {R"({"insert": "unknown", )" + documents + R"(, "$db": "demo"})",
              error("no such command: 'unknown'", 59, "CommandNotFound", "no_such_method")},
             {R"({"insert": "log", "documents": [], "$db": "demo"})",
              invalid("documents: expected at least one")},
             {R"({"insert": "log", "documents": [1], "$db": "demo"})",
              invalid("documents[0]: expected document, got int32")}});
}

TEST_CASE("unacknowledged commands are never answered, and the next calls get their own answers") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await at.db.send_oneway(
            R"({"insert": "log", "documents": [{"text": "a"}, {"text": "bad"}],
                                       "writeConcern": {"w": 0}, "$db": "demo"})");
        co_await at.db.send_oneway(R"({"minus": 1, "$db": "demo"})");
        co_await at.db.send_oneway(R"({"count": [5, 0], "$db": "demo"})");
        co_await at.db.send_oneway(R"({"find": "count", "filter": {"n": 500, "ms": 0},
                                       "batchSize": 1, "$db": "demo"})");
        for (int i = 0; i < 20; ++i) {
            std::string command = R"({"add": [1, )" + std::to_string(i) + R"(], "$db": "demo"})";
            const json got = co_await at.db.run(std::move(command));
            CHECK(got["reply"] == 1 + i);
        }
        co_await settle();
        CHECK(at.db.unread() == 0);
        CHECK(at.trace.logged.size() == 1);
        CHECK(at.registry->cursors.size() == 0);
    });
}

TEST_CASE("maxTimeMS ends a call with code 50, also by find and insert") {
    answers(
        {{R"({"slow": [1000], "maxTimeMS": 20, "$db": "demo"})",
          error("caller's deadline of 20 ms passed", 50, "MaxTimeMSExpired", "deadline_exceeded")},
         {R"({"find": "slow", "filter": {"ms": 1000}, "maxTimeMS": 20, "$db": "demo"})",
          error("caller's deadline of 20 ms passed", 50, "MaxTimeMSExpired", "deadline_exceeded")},
         {R"({"insert": "slow", "documents": [{"ms": 1000}], "maxTimeMS": 20, "$db": "demo"})",
          error("caller's deadline of 20 ms passed", 50, "MaxTimeMSExpired",
                "deadline_exceeded")}});
}

TEST_CASE("a closed connection cancels what runs on it") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await at.db.send(R"({"slow": [60000], "$db": "demo"})");
        co_await at.db.send(R"({"find": "slow", "filter": {"ms": 60000}, "$db": "demo"})");
        co_await settle();
        CHECK(at.trace.begun == 2);
        CHECK(at.registry->calls.size() == 2);
        co_await at.db.hang_up();
        CHECK(at.trace.stopped == 2);
        CHECK(at.registry->calls.size() == 0);
    });
}

TEST_CASE("currentOp lists suspended calls, killOp cancels one") {
    with_driver([](fixture& at) -> awaitable<void> {
        driver admin(at.ex, at.serve);
        const auto first = co_await at.db.send(R"({"slow": [60000], "$db": "demo"})");
        const auto second = co_await at.db.send(R"({"slow": [1000], "$db": "demo"})");
        co_await settle();
        const auto id = co_await admin.send(R"({"currentOp": 1, "$db": "admin"})");
        const json ops = co_await admin.answer(id, bson::json_mode::canonical);
        REQUIRE(ops["inprog"].size() == 2);
        const json& op = ops["inprog"][0];
        CHECK(op["ns"] == "demo.$cmd");
        CHECK(op["command"]["slow"]["$numberInt"] == "1");
        const auto text = op["opid"]["$numberLong"].get<std::string>();
        CHECK(std::stoll(text) >= 1ll << 32);
        json by_stage = co_await admin.run(
            R"({"aggregate": 1, "pipeline": [{"$currentOp": {}}, {"$match": {"opid": )" + text +
            R"(}}], "cursor": {}, "$db": "admin"})");
        CHECK(by_stage["cursor"]["ns"] == "admin.$cmd.aggregate");
        REQUIRE(by_stage["cursor"]["firstBatch"].size() == 1);
        const auto refused = co_await admin.text(
            R"({"aggregate": 1, "pipeline": [{"$currentOp": {}}, {"$match": {"secs_running":
                {"$gt": 1}}}], "cursor": {}, "$db": "admin"})");
        CHECK(refused == invalid("$match of operations by 'secs_running': not served here"));
        // The one that lasts longer.
        for (const auto& one : ops["inprog"]) {
            const auto number = one["opid"]["$numberLong"].get<std::string>();
            const auto killed =
                co_await admin.text(R"({"killOp": 1, "op": )" + number + R"(, "$db": "admin"})");
            CHECK(killed == R"({"info":"attempting to kill op","ok":1.0})");
        }
        for (const auto request : {first, second}) {
            const json got = co_await at.db.answer(request);
            CHECK(got["codeName"] == "Interrupted");
        }
        CHECK(at.trace.stopped == 2);
        const json late = co_await admin.run(R"({"killOp": 1, "op": 4294967299, "$db": "admin"})");
        CHECK(late["ok"] == 1.0);
        const auto wrong = co_await admin.text(R"({"killOp": 1, "$db": "admin"})");
        CHECK(wrong == invalid("op: expected an integer, got nothing"));
        co_await admin.hang_up();
    });
}

TEST_CASE("find on backend.rpc is the mapping of 2011") {
    auto rpc = [](std::string_view filter) {
        return R"({"find": "rpc", "filter": )" + std::string(filter) + R"(, "$db": "backend"})";
    };
    auto one = [](std::string_view document) {
        return batch("[" + std::string(document) + "]", "backend.rpc");
    };
    answers(
        {{rpc(R"({"funcname": "demo.add", "argstr": [[1, 2], {}]})"), one(R"({"$result":3})")},
         {rpc(R"({"funcname": "add", "argstr": [[1], {"b": 4}]})"), one(R"({"$result":5})")},
         {rpc(R"({"funcname": "add", "argstr": [[], {"a": 1, "b": 1}]})"), one(R"({"$result":2})")},
         {rpc(R"({"$query": {"funcname": "nothing", "argstr": [[], {}]}})"),
          one(R"({"$result":null})")},
         {rpc(R"({"funcname": "points", "argstr": [[1], {}]})"),
          one(R"({"$result":[{"x":0,"y":0}]})")},
         {rpc(R"({"funcname": "slow", "argstr": [[2]]})"), one(R"({"$result":2})")},
         {rpc(R"({"funcname": "fail", "argstr": [["own", "why", 8001], {}]})"),
          one(R"({"$error":{"message":"own","detail":"why"}})")},
         {rpc(R"({"funcname": "minus", "argstr": [[], {}]})"),
          one(R"({"$error":{"message":"no_such_method","detail":"'minus': no such method"}})")},
         {rpc(R"({"funcname": "add", "argstr": [[1], {"a": 4}]})"),
          one(R"({"$error":{"message":"invalid_argument",)"
              R"("detail":"a: given by position and by name"}})")},
         {rpc(R"({"funcname": "add", "argstr": {"a": 4}})"),
          one(R"({"$error":{"message":"invalid_argument",)"
              R"("detail":"argstr: expected [array, document]"}})")},
         {rpc(R"({"other": 1})"), one(R"({"$error":{"message":"invalid_argument",)"
                                      R"("detail":"funcname: expected string"}})")}});
}

} // TEST_SUITE("mongodb_commands")
