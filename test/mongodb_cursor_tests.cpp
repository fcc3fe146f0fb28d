#include "support/mongodb_driver.hpp"
#include "support/mongodb_service.hpp"

#include "../lib/mongodb/commands.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/use_future.hpp>

#include <thread>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

/// Connections to one layer, as those of one server.
struct fixture {
    explicit fixture(const any_io_executor& executor, mongodb::command_options how = {},
                     connection_options options = {})
        : ex(executor),
          serve(mongodb::answer_commands(make_mongodb_demo(trace), registry, how)),
          db(ex, serve, options) {}

    any_io_executor ex;
    service_trace trace;
    std::shared_ptr<call_registry> registry = std::make_shared<call_registry>();
    handler serve;
    driver db;
};

template <class F>
void with_driver(F f, mongodb::command_options how = {}, connection_options options = {}) {
    run([&]() -> awaitable<void> {
        fixture at(co_await this_coro::executor, how, options);
        co_await f(at);
        co_await at.db.hang_up();
        CHECK(at.registry->cursors.size() == 0);
        CHECK(at.registry->calls.size() == 0);
    });
}

std::string find_count(int n, int ms, std::string_view more = "") {
    return R"({"find": "count", "filter": {"n": )" + std::to_string(n) + R"(, "ms": )" +
           std::to_string(ms) + "}, " + std::string(more) + R"("$db": "demo"})";
}
std::string get_more(const json& first, std::string_view collection, std::string_view more = "") {
    return R"({"getMore": {"$numberLong": ")" + first["cursor"]["id"].dump() +
           R"("}, "collection": ")" + std::string(collection) + R"(", )" + std::string(more) +
           R"("$db": "demo"})";
}
std::string kill(const json& first) {
    return R"({"killCursors": "count", "cursors": [{"$numberLong": ")" +
           first["cursor"]["id"].dump() + R"("}], "$db": "demo"})";
}
/// The documents of a batch, `1,2,3` for {reply: 1} and so on, and whether there may be more.
std::string content(const json& reply) {
    if (!reply.contains("cursor")) return reply.dump();
    const auto& c = reply["cursor"];
    std::string text;
    for (const auto& d : c.contains("firstBatch") ? c["firstBatch"] : c["nextBatch"])
        text += (text.empty() ? "" : ",") + (d.contains("reply") ? d["reply"].dump() : d.dump());
    return text + (c["id"] == 0 ? "." : "+");
}
std::string code(const json& reply) {
    return reply["code"].dump() + " " + reply["oocrpc"]["message"].get<std::string>();
}

} // namespace

TEST_SUITE("mongodb_cursor") {

TEST_CASE("a method that streams is fetched batch by batch, and makes no more than is asked for") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(find_count(7, 0, R"("batchSize": 3, )"));
        CHECK(content(first) == "0,1,2+");
        CHECK(first["cursor"]["ns"] == "demo.count");
        CHECK(at.trace.who == "memory mongodb");
        CHECK(at.registry->cursors.size() == 1);
        co_await settle();
        CHECK(at.trace.sent == 3);
        const json second = co_await at.db.run(get_more(first, "count", R"("batchSize": 2, )"));
        CHECK(content(second) == "3,4+");
        CHECK(second["cursor"]["id"] == first["cursor"]["id"]);
        co_await settle();
        CHECK(at.trace.sent == 5);
        const json third = co_await at.db.run(get_more(first, "count"));
        CHECK(content(third) == "5,6.");
        CHECK(at.registry->cursors.size() == 0);
        const json late = co_await at.db.run(get_more(first, "count"));
        CHECK(code(late) == "43 cursor_not_found");
    });
}

TEST_CASE("ids of cursors are int64, also 0, and counts int32") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto whole = co_await at.db.canonical(find_count(1, 0));
        CHECK(whole == R"({"cursor":{"firstBatch":[{"reply":{"$numberInt":"0"}}],)"
                       R"("id":{"$numberLong":"0"},"ns":"demo.count"},)"
                       R"("ok":{"$numberDouble":"1.0"}})");
        const auto id = co_await at.db.send(find_count(9, 0, R"("batchSize": 1, )"));
        const json part = co_await at.db.answer(id, bson::json_mode::canonical);
        CHECK(part["cursor"]["id"].contains("$numberLong"));
    });
}

TEST_CASE("runCommand on a method that streams opens a cursor on $cmd") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first =
            co_await at.db.run(R"({"count": 1, "n": 5, "ms": 0, "batchSize": 2, "$db": "demo"})");
        CHECK(content(first) == "0,1+");
        CHECK(first["cursor"]["ns"] == "demo.$cmd.count");
        const json rest = co_await at.db.run(get_more(first, "$cmd.count"));
        CHECK(content(rest) == "2,3,4.");
        const json positional =
            co_await at.db.run(R"({"count": [3, 0], "batchSize": 2, "$db": "demo"})");
        CHECK(content(positional) == "0,1+");
        const json nested = co_await at.db.run(
            R"({"count": 1, "n": 2, "ms": 0, "cursor": {"batchSize": 1}, "$db": "demo"})");
        CHECK(content(nested) == "0+");
        const json ours =
            co_await at.db.run(R"({"count": [4, 0], "$oocrpc": {"stream": 3}, "$db": "demo"})");
        CHECK(content(ours) == "0,1,2+");
        const json wrong = co_await at.db.run(R"({"count": ["x"], "$db": "demo"})");
        CHECK(code(wrong) == "9 invalid_argument");
    });
}

TEST_CASE("without a batch size there are 101 documents in a batch") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(find_count(203, 0));
        CHECK(first["cursor"]["firstBatch"].size() == 101);
        const json second = co_await at.db.run(get_more(first, "count"));
        CHECK(second["cursor"]["nextBatch"].size() == 101);
        const json third = co_await at.db.run(get_more(first, "count"));
        CHECK(content(third) == "202.");
    });
}

TEST_CASE("limit, skip, singleBatch and batchSize 0 do what they say") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json limited = co_await at.db.run(find_count(50, 0, R"("limit": 2, )"));
        CHECK(content(limited) == "0,1.");
        const json skipped = co_await at.db.run(find_count(50, 0, R"("limit": 2, "skip": 3, )"));
        CHECK(content(skipped) == "3,4.");
        const json single =
            co_await at.db.run(find_count(50, 0, R"("batchSize": 2, "singleBatch": true, )"));
        CHECK(content(single) == "0,1.");
        const json negative = co_await at.db.run(find_count(50, 0, R"("limit": -2, )"));
        CHECK(content(negative) == "0,1.");
        CHECK(at.registry->cursors.size() == 0);
        const json none = co_await at.db.run(find_count(3, 0, R"("batchSize": 0, )"));
        CHECK(content(none) == "+");
        const json all = co_await at.db.run(get_more(none, "count"));
        CHECK(content(all) == "0,1,2.");
        const json later = co_await at.db.run(find_count(50, 0, R"("limit": 3, "batchSize": 2, )"));
        const json last = co_await at.db.run(get_more(later, "count", R"("batchSize": 9, )"));
        CHECK(content(last) == "2.");
        co_await settle();
        CHECK(at.trace.stopped == 5); // but for the one that came to its end
    });
}

TEST_CASE("an array is fetched as a stream is") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(
            R"({"find": "numbers", "filter": {"n": 5}, "batchSize": 2, "$db": "demo"})");
        CHECK(content(first) == "0,1+");
        const json second = co_await at.db.run(get_more(first, "numbers", R"("batchSize": 2, )"));
        CHECK(content(second) == "2,3+");
        const json third = co_await at.db.run(get_more(first, "numbers"));
        CHECK(content(third) == "4.");
    });
}

TEST_CASE("a batch ends before it is larger than a document may be") {
    connection_options small;
    small.limit.max_message = 100'000;
    with_driver(
        [](fixture& at) -> awaitable<void> {
            const json stream = co_await at.db.run(
                R"({"find": "texts", "filter": {"n": 5, "size": 40000}, "$db": "demo"})");
            CHECK(stream["cursor"]["firstBatch"].size() == 2);
            const json more = co_await at.db.run(get_more(stream, "texts"));
            CHECK(more["cursor"]["nextBatch"].size() == 2);
            const json last = co_await at.db.run(get_more(stream, "texts"));
            CHECK(last["cursor"]["nextBatch"].size() == 1);
            CHECK(last["cursor"]["id"] == 0);
            const json whole = co_await at.db.run(
                R"({"find": "texts", "filter": {"n": 1, "size": 99900}, "$db": "demo"})");
            CHECK(whole["cursor"]["firstBatch"].size() == 1);
        },
        {}, small);
}

TEST_CASE("a batch goes out 20 ms after its first document") {
    with_driver([](fixture& at) -> awaitable<void> {
        auto& time = clock::of(at.ex);
        const auto begun = time.now();
        const json first = co_await at.db.run(find_count(10, 8));
        CHECK(content(first) == "0,1,2+");
        CHECK(time.now() - begun == 28ms);
        const json slow = co_await at.db.run(find_count(10, 1000));
        CHECK(content(slow) == "0+");
        CHECK(time.now() - begun == 1048ms);
    });
}

TEST_CASE("a batch that is the only one waits for all of its documents") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json one = co_await at.db.run(find_count(3, 50, R"("singleBatch": true, )"));
        CHECK(content(one) == "0,1,2.");
        const json most = co_await at.db.run(find_count(3, 50, R"("batchSize": 2147483647, )"));
        CHECK(content(most) == "0,1,2.");
    });
}

TEST_CASE("getMore waits for a document, with maxTimeMS no longer than that") {
    with_driver([](fixture& at) -> awaitable<void> {
        auto& time = clock::of(at.ex);
        const json first = co_await at.db.run(find_count(3, 1000));
        auto begun = time.now();
        const json none = co_await at.db.run(get_more(first, "count", R"("maxTimeMS": 300, )"));
        CHECK(content(none) == "+");
        CHECK(time.now() - begun == 300ms);
        const json one = co_await at.db.run(get_more(first, "count"));
        CHECK(content(one) == "1+");
        const json last = co_await at.db.run(get_more(first, "count"));
        CHECK(content(last) == "2.");
    });
}

TEST_CASE("maxTimeMS of the command that opens a cursor is for its first batch") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json late = co_await at.db.run(find_count(3, 1000, R"("maxTimeMS": 500, )"));
        CHECK(code(late) == "50 deadline_exceeded");
        co_await settle();
        CHECK(at.trace.stopped == 1);
        const json first = co_await at.db.run(find_count(2, 400, R"("maxTimeMS": 500, )"));
        CHECK(content(first) == "0+");
        co_await sleep_for(2s);
        const json second = co_await at.db.run(get_more(first, "count"));
        CHECK(content(second) == "1.");
    });
}

TEST_CASE("documents before an error are delivered, then the error") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first =
            co_await at.db.run(R"({"find": "broken", "filter": {"n": 2}, "$db": "demo"})");
        CHECK(content(first) == "0,1+");
        const json second = co_await at.db.run(get_more(first, "broken"));
        CHECK(code(second) == "8123 broken");
        const json third = co_await at.db.run(get_more(first, "broken"));
        CHECK(code(third) == "43 cursor_not_found");
        const json at_once =
            co_await at.db.run(R"({"find": "broken", "filter": {"n": 0}, "$db": "demo"})");
        CHECK(code(at_once) == "8123 broken");
    });
}

TEST_CASE("killCursors stops the handler, and says which cursors it found") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(find_count(100, 0, R"("batchSize": 1, )"));
        CHECK(at.trace.stopped == 0);
        const auto id = first["cursor"]["id"].dump();
        const auto killed = co_await at.db.text(kill(first));
        CHECK(killed == R"({"cursorsKilled":[)" + id +
                            R"(],"cursorsNotFound":[],"cursorsAlive":[],"cursorsUnknown":[],)"
                            R"("ok":1.0})");
        co_await settle();
        CHECK(at.trace.stopped == 1);
        const json again = co_await at.db.run(kill(first));
        CHECK(again["cursorsNotFound"][0].dump() == id);
        const json late = co_await at.db.run(get_more(first, "count"));
        CHECK(code(late) == "43 cursor_not_found");
    });
}

TEST_CASE("a cursor is fetched and killed on any connection of the same client") {
    with_driver([](fixture& at) -> awaitable<void> {
        driver other(at.ex, at.serve);
        const json first = co_await at.db.run(find_count(100, 0, R"("batchSize": 1, )"));
        const json second = co_await other.run(get_more(first, "count", R"("batchSize": 1, )"));
        CHECK(content(second) == "1+");
        // It belongs to the connection that used it last.
        co_await at.db.hang_up();
        const json third = co_await other.run(get_more(first, "count", R"("batchSize": 1, )"));
        CHECK(content(third) == "2+");
        CHECK(at.trace.stopped == 0);
        co_await other.hang_up();
        CHECK(at.trace.stopped == 1);
        CHECK(at.registry->cursors.size() == 0);
    });
}

TEST_CASE("a cursor ends with the connection that used it last") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await at.db.run(find_count(100, 0, R"("batchSize": 1, )"));
        co_await at.db.run(R"({"find": "numbers", "filter": {"n": 9}, "batchSize": 1,
                               "$db": "demo"})");
        CHECK(at.registry->cursors.size() == 2);
        co_await at.db.hang_up();
        CHECK(at.registry->cursors.size() == 0);
        CHECK(at.trace.stopped == 1);
    });
}

TEST_CASE("a cursor is bound to its session and to its collection") {
    const std::string mine =
        R"("lsid": {"id": {"$uuid": "00000000-0000-4000-8000-000000000001"}}, )";
    const std::string other =
        R"("lsid": {"id": {"$uuid": "00000000-0000-4000-8000-000000000002"}}, )";
    with_driver([&](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(find_count(9, 0, R"("batchSize": 1, )" + mine));
        const json stranger = co_await at.db.run(get_more(first, "count", other));
        CHECK(code(stranger) == "43 cursor_not_found");
        const json nobody = co_await at.db.run(get_more(first, "count"));
        CHECK(code(nobody) == "43 cursor_not_found");
        const json elsewhere = co_await at.db.run(get_more(first, "points", mine));
        CHECK(code(elsewhere) == "13 permission_denied");
        const json own = co_await at.db.run(get_more(first, "count", R"("batchSize": 1, )" + mine));
        CHECK(content(own) == "1+");
    });
}

TEST_CASE("a cursor without a session is bound to its client's host") {
    with_driver([&](fixture& at) -> awaitable<void> {
        connection_options there;
        there.on_behalf_of =
            std::make_shared<const peer_info>(peer_info{"192.0.2.1:7", "mongodb", ""});
        driver far(at.ex, at.serve, there);
        const json first = co_await at.db.run(find_count(9, 0, R"("batchSize": 1, )"));
        const json stolen = co_await far.run(get_more(first, "count"));
        CHECK(code(stolen) == "43 cursor_not_found");
        const json killed = co_await far.run(kill(first));
        CHECK(killed["cursorsKilled"].empty());
        const json own = co_await at.db.run(get_more(first, "count", R"("batchSize": 1, )"));
        CHECK(content(own) == "1+");
        co_await far.hang_up();
    });
}

TEST_CASE("a cursor makes one batch at a time") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(find_count(3, 1000));
        const auto waiting = co_await at.db.send(get_more(first, "count"));
        const json second = co_await at.db.run(get_more(first, "count"));
        CHECK(code(second) == "12051 CursorInUse");
        const json got = co_await at.db.answer(waiting);
        CHECK(content(got) == "1+");
    });
}

TEST_CASE("a batch that waits is told when its cursor is killed") {
    with_driver([](fixture& at) -> awaitable<void> {
        driver other(at.ex, at.serve);
        const json first = co_await at.db.run(find_count(3, 1000));
        const auto waiting = co_await at.db.send(get_more(first, "count"));
        co_await settle();
        const json killed = co_await other.run(kill(first));
        CHECK(killed["cursorsKilled"].size() == 1);
        const json got = co_await at.db.answer(waiting);
        CHECK(code(got) == "237 CursorKilled");
        CHECK(at.trace.stopped == 1);
        co_await other.hang_up();
    });
}

TEST_CASE("a hang-up while a batch is waited for stops the handler") {
    with_driver([](fixture& at) -> awaitable<void> {
        driver other(at.ex, at.serve);
        const json first = co_await other.run(find_count(3, 1000));
        co_await other.send(get_more(first, "count"));
        co_await at.db.send(find_count(3, 1000));
        co_await settle();
        CHECK(at.trace.begun == 2);
        co_await other.hang_up();
        CHECK(at.trace.stopped == 1);
        co_await at.db.hang_up();
        CHECK(at.trace.stopped == 2);
        CHECK(at.registry->cursors.size() == 0);
    });
}

TEST_CASE("killOp of a getMore kills its cursor") {
    with_driver([](fixture& at) -> awaitable<void> {
        const json first = co_await at.db.run(find_count(3, 1000));
        const auto waiting = co_await at.db.send(get_more(first, "count"));
        co_await settle();
        const json ops = co_await at.db.run(R"({"currentOp": 1, "$db": "admin"})");
        REQUIRE(ops["inprog"].size() == 1);
        co_await at.db.run(R"({"killOp": 1, "op": )" + ops["inprog"][0]["opid"].dump() +
                           R"(, "$db": "admin"})");
        const json got = co_await at.db.answer(waiting);
        CHECK(code(got) == "11601 cancelled");
        co_await settle();
        CHECK(at.trace.stopped == 1);
        CHECK(at.registry->cursors.size() == 0);
    });
}

TEST_CASE("a cursor that nobody uses for long enough ends") {
    mongodb::command_options how;
    how.idle = 60s;
    with_driver(
        [](fixture& at) -> awaitable<void> {
            const json first = co_await at.db.run(find_count(9, 0, R"("batchSize": 1, )"));
            co_await sleep_for(50s);
            const json second = co_await at.db.run(get_more(first, "count", R"("batchSize": 1, )"));
            CHECK(content(second) == "1+");
            co_await sleep_for(50s);
            CHECK(at.registry->cursors.size() == 1);
            co_await sleep_for(11s);
            CHECK(at.registry->cursors.size() == 0);
            CHECK(at.trace.stopped == 1);
            const json late = co_await at.db.run(get_more(first, "count"));
            CHECK(code(late) == "43 cursor_not_found");
        },
        how);
}

TEST_CASE("a connection has a limited number of cursors, with limited memory") {
    mongodb::command_options how;
    how.most_stored = 50'000;
    connection_options options;
    options.limit.max_streams = 2;
    with_driver(
        [](fixture& at) -> awaitable<void> {
            const auto one = find_count(9, 0, R"("batchSize": 1, )");
            const json first = co_await at.db.run(one);
            co_await at.db.run(one);
            const json third = co_await at.db.run(one);
            CHECK(code(third) == "462 overloaded");
            CHECK(third["errorLabels"].size() == 2);
            CHECK(at.trace.begun == 2);
            co_await at.db.run(kill(first));
            const json room = co_await at.db.run(one);
            CHECK(content(room) == "0+");
            driver other(at.ex, at.serve);
            const std::string large = R"({"find": "large", "filter": {"n": 3, "size": 15000},
                                          "batchSize": 1, "$db": "demo"})";
            const json kept = co_await other.run(large);
            CHECK(kept["cursor"]["id"] != 0);
            const json more = co_await other.run(large);
            CHECK(code(more) == "462 overloaded");
            CHECK(at.registry->cursors.size() == 3);
            co_await other.hang_up();
        },
        how, options);
}

TEST_CASE("cursors count for the connection that has fetched from them last") {
    mongodb::command_options how;
    how.most_stored = 50'000;
    connection_options options;
    options.limit.max_streams = 2;
    with_driver(
        [](fixture& at) -> awaitable<void> {
            connection_options few;
            few.limit.max_streams = 2;
            driver opener(at.ex, at.serve, few), hoarder(at.ex, at.serve, few);
            const auto one = find_count(9, 0, R"("batchSize": 1, )");
            std::vector<json> opened;
            for (int i = 0; i < 3; ++i) {
                json first = co_await opener.run(one);
                CHECK(content(first) == "0+");
                const json moved =
                    co_await hoarder.run(get_more(first, "count", R"("batchSize": 1, )"));
                if (i < 2)
                    CHECK(content(moved) == "1+");
                else
                    CHECK(code(moved) == "462 overloaded");
                opened.push_back(std::move(first));
            }
            // What was refused is where it was, and those that moved still go on.
            const json there =
                co_await opener.run(get_more(opened[2], "count", R"("batchSize": 1, )"));
            CHECK(content(there) == "1+");
            const json here =
                co_await hoarder.run(get_more(opened[0], "count", R"("batchSize": 1, )"));
            CHECK(content(here) == "2+");
            CHECK(at.registry->cursors.size() == 3);
            co_await hoarder.hang_up();
            CHECK(at.registry->cursors.size() == 1);
            co_await opener.hang_up();
            CHECK(at.registry->cursors.size() == 0);
        },
        how, options);
}

TEST_CASE("what cursors keep counts for the connection that has fetched from them last") {
    mongodb::command_options how;
    how.most_stored = 50'000;
    with_driver(
        [](fixture& at) -> awaitable<void> {
            driver other(at.ex, at.serve);
            const std::string large = R"({"find": "large", "filter": {"n": 3, "size": 15000},
                                          "batchSize": 1, "$db": "demo"})";
            for (int i = 0; i < 2; ++i) {
                const json first = co_await other.run(large);
                REQUIRE(first["cursor"]["id"] != 0);
                const json moved =
                    co_await at.db.run(get_more(first, "large", R"("batchSize": 1, )"));
                if (i == 0)
                    CHECK(moved["ok"] == 1.0);
                else
                    CHECK(code(moved) == "462 overloaded");
            }
            co_await other.hang_up();
            CHECK(at.registry->cursors.size() == 1);
        },
        how);
}

TEST_CASE("a wrong getMore or killCursors is refused by name") {
    with_driver([](fixture& at) -> awaitable<void> {
        const std::vector<std::string> wrong{
            R"({"getMore": "x", "collection": "count", "$db": "demo"})",
            R"({"killCursors": "count", "cursors": 7, "$db": "demo"})",
            R"({"killCursors": "count", "cursors": ["x"], "$db": "demo"})",
            R"({"find": "count", "batchSize": -1, "$db": "demo"})",
            R"({"find": "count", "filter": {"n": 1, "ms": 0}, "skip": -1, "$db": "demo"})"};
        for (const auto& command : wrong) {
            CAPTURE(command);
            const json got = co_await at.db.run(command);
            CHECK(code(got) == "9 invalid_argument");
        }
        const json unknown = co_await at.db.run(
            R"({"getMore": {"$numberLong": "77"}, "collection": "count", "$db": "demo"})");
        CHECK(code(unknown) == "43 cursor_not_found");
    });
}

TEST_CASE("a loop that is destroyed with cursors and waiting batches leaves nothing behind") {
    auto registry = std::make_shared<call_registry>();
    service_trace trace;
    {
        asio::io_context io;
        clock::of(io).use_virtual();
        const auto serve = mongodb::answer_commands(make_mongodb_demo(trace), registry);
        auto work = [&]() -> awaitable<void> {
            driver db(io.get_executor(), serve);
            co_await db.run(find_count(9, 0, R"("batchSize": 1, )"));
            const json first = co_await db.run(find_count(9, 0, R"("batchSize": 1, )"));
            co_await db.send(find_count(9, 1000));
            co_await db.send(R"({"slow": [1000], "$db": "demo"})");
            co_await db.answer(7); // never comes
        };
        spawned body(io.get_executor(), work());
        while (io.poll() > 0) {
        }
        CHECK(trace.begun == 4);
    }
    CHECK(registry->calls.size() == 0);
}

} // TEST_SUITE("mongodb_cursor")

namespace {

/// A server on a loop with a thread of its own.
struct served_thread {
    served_thread(std::shared_ptr<call_registry> registry, handler serve) {
        server_options options;
        options.registry = std::move(registry);
        own.emplace(io.get_executor(), std::move(options));
        where = own->listen("oocrpc://127.0.0.1:0");
        ended = asio::co_spawn(io, own->run(std::move(serve)), asio::use_future);
        thread = std::thread([this] { io.run(); });
    }
    /// Drains; the loop ends by itself when nothing is left in it.
    void stop() {
        asio::post(io, [this] { own->drain(); });
        ended.get();
        thread.join();
    }
    asio::io_context io{1};
    std::optional<server> own;
    url where;
    std::future<void> ended;
    std::thread thread;
};

template <class F> void on_real_clock(F f) {
    asio::io_context io;
    std::exception_ptr failure;
    auto work = f();
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) { failure = e; });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

} // namespace

TEST_SUITE("mongodb_cursor") {

TEST_CASE("one port answers drivers and native clients") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        service_trace trace;
        server s(ex);
        const auto where = s.listen("oocrpc://127.0.0.1:0");
        spawned serving(ex, s.run(make_mongodb_demo(trace)));
        driver db(co_await connect_stream(where));
        const json hello = co_await db.run(R"({"hello": 1, "$db": "admin"})");
        CHECK(hello["ismaster"] == true);
        const json sum = co_await db.run(R"({"add": [1, 2], "$db": "demo"})");
        CHECK(sum["reply"] == 3);
        const json first = co_await db.run(find_count(9, 0, R"("batchSize": 1, )"));
        CHECK(content(first) == "0+");
        s.drain();
        co_await until([&] { return serving.done; });
        co_await settle();
        CHECK(trace.stopped == 1);
        db.close();
    });
}

TEST_CASE("our client calls, and takes a stream from cursors, on a server of ours") {
    static constexpr method<stream<int>(int, int)> count{"demo.count", {"n", "ms"}};
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        service_trace trace;
        server s(ex);
        const auto where = s.listen("oocrpc://127.0.0.1:0");
        spawned serving(ex, s.run(make_mongodb_demo(trace)));
        const auto at = "mongodb://127.0.0.1:" + std::to_string(where.port);
        client db = co_await connect(at);
        json arguments = json::array({1, 2});
        const json sum = co_await db.call("demo.add", std::move(arguments));
        CHECK(sum == 3);
        {
            auto items = co_await db.open(count, 250, 0);
            int expected = 0;
            while (auto i = co_await items.next()) CHECK(*i == expected++);
            CHECK(expected == 250);
        }
        {
            auto some = co_await db.open(count, 1'000'000, 0);
            for (int i = 0; i < 40; ++i) {
                const auto item = co_await some.next();
                REQUIRE(item);
                CHECK(*item == i);
            }
        }
        // Whoever has enough kills the cursor.
        const bool stopped = co_await until([&] { return trace.stopped == 1; });
        CHECK(stopped);
        db.close();
        s.drain();
        co_await until([&] { return serving.done; });
        co_await settle();
    });
}

TEST_CASE("a cursor is fetched and killed from other threads") {
    auto registry = std::make_shared<call_registry>();
    service_trace trace; // touched by the first thread only
    const handler demo = make_mongodb_demo(trace);
    served_thread one(registry, demo), two(registry, demo);
    on_real_clock([&]() -> awaitable<void> {
        driver a(co_await connect_stream(one.where));
        driver b(co_await connect_stream(two.where));
        const json first = co_await a.run(find_count(1000, 0, R"("batchSize": 1, )"));
        for (int i = 1; i < 50; ++i) {
            auto& which = i % 2 ? b : a;
            const json next = co_await which.run(get_more(first, "count", R"("batchSize": 1, )"));
            CHECK(content(next) == std::to_string(i) + "+");
        }
        const json killed = co_await b.run(kill(first));
        CHECK(killed["cursorsKilled"].size() == 1);
        const json late = co_await b.run(get_more(first, "count"));
        CHECK(code(late) == "43 cursor_not_found");
        a.close();
        b.close();
    });
    one.stop();
    two.stop();
    CHECK(trace.stopped == 1);
    CHECK(registry->cursors.size() == 0);
}

TEST_CASE("a batch that is waited for on another thread ends with its caller, and with its loop") {
    auto registry = std::make_shared<call_registry>();
    service_trace trace;
    const handler demo = make_mongodb_demo(trace);
    served_thread one(registry, demo), two(registry, demo);
    on_real_clock([&]() -> awaitable<void> {
        driver a(co_await connect_stream(one.where));
        driver b(co_await connect_stream(two.where));
        const json first = co_await a.run(find_count(3, 60'000, R"("batchSize": 0, )"));
        const json second = co_await a.run(find_count(3, 60'000, R"("batchSize": 0, )"));
        const json none = co_await b.run(get_more(first, "count", R"("maxTimeMS": 20, )"));
        CHECK(content(none) == "+");
        co_await b.send(get_more(first, "count"));
        const auto waiting = co_await b.send(get_more(second, "count"));
        const json ops = co_await b.run(R"({"ping": 1, "$db": "admin"})");
        CHECK(ops["ok"] == 1.0);
        const json killed = co_await a.run(kill(second));
        CHECK(killed["cursorsKilled"].size() == 1);
        const json told = co_await b.answer(waiting);
        CHECK(told["ok"] == 0.0);
        b.close();
        a.close();
    });
    two.stop();
    one.stop();
    CHECK(trace.begun == trace.stopped);
    CHECK(registry->cursors.size() == 0);
    CHECK(registry->calls.size() == 0);
}

} // TEST_SUITE("mongodb_cursor")
