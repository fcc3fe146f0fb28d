#include "support/mongodb_driver.hpp"
#include "support/mongodb_service.hpp"
#include "support/served.hpp"
#include "support/users.hpp"

#include "../lib/protocols.hpp"
#include "../lib/scram_crypto.hpp"

using namespace oocrpc;
using namespace oocrpc::test;

namespace {

/// A driver of a service whose users log in.
struct fixture : controlled {
    fixture(const any_io_executor& ex, std::shared_ptr<const tls_info> tls, access_options how = {})
        : controlled(std::move(how)),
          db(ex, protocols::serving(make_mongodb_demo(trace), registry, access), options(tls)) {}

    static connection_options options(const std::shared_ptr<const tls_info>& tls) {
        connection_options o;
        o.login_required = true;
        if (tls)
            o.on_behalf_of =
                std::make_shared<const peer_info>(peer_info{"192.0.2.1:7", "mongodb", "", tls});
        return o;
    }

    service_trace trace;
    std::shared_ptr<call_registry> registry = std::make_shared<call_registry>();
    driver db;
};

template <class F> void with_driver(F f, std::shared_ptr<const tls_info> tls = nullptr) {
    run([&]() -> awaitable<void> {
        fixture at(co_await this_coro::executor, tls);
        co_await f(at);
        co_await at.db.hang_up();
    });
}

std::string base64(std::string_view text) {
    return R"({"$binary": {"base64": ")" + scram::to_base64(text) + R"(", "subType": "00"}})";
}

std::string payload_of(const json& step) {
    const auto& data = step["payload"].get_binary();
    return {data.begin(), data.end()};
}

std::string command(std::string_view first, std::string_view payload, std::string_view rest) {
    return "{" + std::string(first) + R"(, "payload": )" + base64(payload) + std::string(rest) +
           R"(, "$db": "admin"})";
}

std::string plain_login() {
    return command(R"("saslStart": 1, "mechanism": "PLAIN")", std::string_view("\0ada\0ada", 8),
                   "");
}

/// Logs in as drivers do, and returns `ok` or the code of the error.
awaitable<std::string> log_in(driver& db, std::string user, std::string password,
                              scram::mechanism m, bool skip_empty) {
    scram::client c(m, user, scram::prepare(m, user, password));
    const auto begin = R"("saslStart": 1, "mechanism": ")" + std::string(to_string(m)) + "\"";
    const std::string how = skip_empty ? R"(, "options": {"skipEmptyExchange": true})" : "";
    json step = co_await db.run(command(begin, c.first(), how));
    for (;;) {
        if (step["ok"] != 1.0) co_return step["code"].dump();
        if (step["done"] == true) break;
        scram::reply next;
        if (!c.authenticated()) next = c.next(payload_of(step));
        CHECK(next.ok());
        const auto id = R"("saslContinue": 1, "conversationId": )" + step["conversationId"].dump();
        step = co_await db.run(command(id, next.message, ""));
    }
    if (!c.authenticated()) c.next(payload_of(step));
    co_return c.authenticated() ? "ok" : "the server is not who it says";
}

awaitable<std::string> code_of(driver& db, std::string command) {
    const json got = co_await db.run(std::move(command));
    if (got["ok"] == 1.0) co_return "ok";
    co_return got["code"].dump();
}

} // namespace

TEST_SUITE("mongodb login") {

TEST_CASE("before the login hello and sasl are answered, all else is Unauthorized") {
    with_driver([](fixture& at) -> awaitable<void> {
        for (const auto* closed :
             {"ping", "buildInfo", "listDatabases", "currentOp", "killOp", "serverStatus",
              "startSession", "whatsmyuri", "connectionStatus", "getParameter", "add", "nothing",
              "atlasVersion", "endSessions", "getnonce", "listCommands", "abortTransaction"}) {
            CAPTURE(closed);
            const auto got =
                co_await code_of(at.db, "{\"" + std::string(closed) + R"(": 1, "$db": "admin"})");
            CHECK(got == "13");
        }
        for (const auto* closed :
             {R"({"find": "numbers", "$db": "demo"})", R"({"add": [2, 3], "$db": "demo"})",
              R"({"insert": "log", "documents": [{}], "$db": "demo"})",
              R"({"getMore": {"$numberLong": "5"}, "collection": "x", "$db": "demo"})",
              R"({"killCursors": "x", "cursors": [], "$db": "demo"})",
              R"({"aggregate": 1, "pipeline": [{"$currentOp": {}}], "cursor": {}, "$db": "admin"})",
              R"({"someCommand": "text", "more": 1, "$db": "demo"})"}) {
            CAPTURE(closed);
            const auto got = co_await code_of(at.db, closed);
            CHECK(got == "13");
        }
        for (const auto* open : {"hello", "isMaster", "ismaster", "logout"}) {
            const auto got =
                co_await code_of(at.db, "{\"" + std::string(open) + R"(": 1, "$db": "admin"})");
            CHECK(got == "ok");
        }
    });
}

TEST_CASE("SCRAM logs in, with the empty last message and without") {
    for (const auto m : {scram::mechanism::sha_1, scram::mechanism::sha_256})
        for (const bool skip : {false, true})
            with_driver([&](fixture& at) -> awaitable<void> {
                const auto in = co_await log_in(at.db, "ada", "ada", m, skip);
                CHECK(in == "ok");
                const auto five = co_await code_of(at.db, R"({"add": [2, 3], "$db": "demo"})");
                CHECK(five == "ok");
                CHECK(at.attempts ==
                      std::vector<std::string>{std::string(to_string(m)) + " ada: ok"});
            });
}

TEST_CASE("every failure is code 18 in the same words") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto in = co_await log_in(at.db, "ada", "x", scram::mechanism::sha_256, true);
        CHECK(in == "18");
        const auto nobody = co_await log_in(at.db, "eve", "eve", scram::mechanism::sha_256, true);
        CHECK(nobody == "18");
        const auto after = co_await code_of(at.db, R"({"ping": 1, "$db": "admin"})");
        CHECK(after == "13");
    });
    for (const auto* bad :
         {R"({"saslStart": 1, "mechanism": "SCRAM-SHA-256", "$db": "admin"})",
          R"({"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": "text", "$db": "admin"})",
          R"({"saslStart": 1, "$db": "admin"})", R"({"saslContinue": 1, "$db": "admin"})",
          R"({"saslContinue": 1, "conversationId": 2, "$db": "admin"})",
          R"({"saslContinue": 1, "conversationId": 1, "$db": "admin"})",
          R"({"authenticate": 1, "$db": "$external"})",
          R"({"authenticate": 1, "mechanism": "MONGODB-CR", "$db": "admin"})",
          R"({"authenticate": 1, "mechanism": "MONGODB-X509", "$db": "$external"})"}) {
        CAPTURE(bad);
        with_driver([&](fixture& at) -> awaitable<void> {
            const json got = co_await at.db.run(bad);
            CHECK(got["code"] == 18);
            CHECK(got["errmsg"] == "authentication failed");
        });
    }
}

TEST_CASE("hello names the mechanisms of a user, of one that nobody knows as well") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto mechanisms = [&](std::string who) -> awaitable<std::string> {
            const json got = co_await at.db.run(R"({"hello": 1, "saslSupportedMechs": "admin.)" +
                                                who + R"(", "$db": "admin"})");
            co_return got["saslSupportedMechs"].dump();
        };
        std::string got = co_await mechanisms("ada");
        CHECK(got == R"(["SCRAM-SHA-1","SCRAM-SHA-256"])");
        got = co_await mechanisms("old");
        CHECK(got == R"(["SCRAM-SHA-1"])");
        got = co_await mechanisms("eve");
        CHECK(got == R"(["SCRAM-SHA-1"])");       // as most in this store
        got = co_await mechanisms("CN=cy,O=Ltd"); // who has no password
        CHECK(got == R"(["SCRAM-SHA-1"])");
    });
}

TEST_CASE("a login may begin in hello, and one that is refused there is just not answered") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto m = scram::mechanism::sha_256;
        scram::client c(m, "ada", scram::prepare(m, "ada", "ada"));
        const auto first = R"({"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": )" +
                           base64(c.first()) +
                           R"(, "db": "admin", "options": {"skipEmptyExchange": true}})";
        json step = co_await at.db.run(R"({"hello": 1, "speculativeAuthenticate": )" + first +
                                       R"(, "$db": "admin"})");
        REQUIRE(step.contains("speculativeAuthenticate"));
        step = step["speculativeAuthenticate"];
        CHECK(step["done"] == false);
        const auto next = c.next(payload_of(step));
        step = co_await at.db.run(
            command(R"("saslContinue": 1, "conversationId": 1)", next.message, ""));
        CHECK(step["done"] == true);
        c.next(payload_of(step));
        CHECK(c.authenticated());
        const json refused = co_await at.db.run(
            R"({"hello": 1, "speculativeAuthenticate": {"saslStart": 1, "mechanism": "X"}, "$db": "admin"})");
        CHECK(refused["ok"] == 1.0);
        CHECK_FALSE(refused.contains("speculativeAuthenticate"));
        const auto after = co_await code_of(at.db, R"({"ping": 1, "$db": "admin"})");
        CHECK(after == "13"); // a login that fails ends the one before
    });
}

TEST_CASE("a login that begins in hello is not answered where another mechanism will follow") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto m = scram::mechanism::sha_256;
        const std::vector<std::string> names = {"ada", "old", "eve"};
        for (const auto& who : names) {
            scram::client c(m, who, scram::prepare(m, who, who));
            const json got = co_await at.db.run(
                R"({"hello": 1, "saslSupportedMechs": "admin.)" + who +
                R"(", "speculativeAuthenticate": {"saslStart": 1, "mechanism": "SCRAM-SHA-256")" +
                R"(, "payload": )" + base64(c.first()) + R"(}, "$db": "admin"})");
            CHECK(got.contains("speculativeAuthenticate") == (who == "ada"));
        }
        const auto done = co_await log_in(at.db, "old", "dlo", scram::mechanism::sha_1, false);
        CHECK(done == "ok");
    });
}

TEST_CASE("the bytes of a login may also come as base64, as libmongoc writes those of PLAIN") {
    with_driver(
        [](fixture& at) -> awaitable<void> {
            const auto begin = [](std::string_view payload) {
                return R"({"saslStart": 1, "mechanism": "PLAIN", "payload": ")" +
                       std::string(payload) + R"(", "$db": "$external"})";
            };
            auto got =
                co_await code_of(at.db, begin(scram::to_base64(std::string_view("\0ada\0ada", 8))));
            CHECK(got == "ok");
            got =
                co_await code_of(at.db, begin(scram::to_base64(std::string_view("\0ada\0eve", 8))));
            CHECK(got == "18");
            got = co_await code_of(at.db, begin("no base64"));
            CHECK(got == "18");
        },
        encrypted(""));
}

TEST_CASE("a certificate logs in by MONGODB-X509, as a command and in hello") {
    const auto cy = encrypted("CN=cy,O=Ltd");
    for (
        const auto* how :
        {R"({"authenticate": 1, "mechanism": "MONGODB-X509", "$db": "$external"})",
         R"({"authenticate": 1, "mechanism": "MONGODB-X509", "user": "CN=cy,O=Ltd", "$db": "$external"})",
         R"({"hello": 1, "speculativeAuthenticate": {"authenticate": 1, "mechanism": "MONGODB-X509", "db": "$external"}, "$db": "admin"})"})
        with_driver(
            [&](fixture& at) -> awaitable<void> {
                json got = co_await at.db.run(how);
                if (got.contains("speculativeAuthenticate")) got = got["speculativeAuthenticate"];
                CHECK(got["user"] == "CN=cy,O=Ltd");
                CHECK(got["dbname"] == "$external");
                const auto five = co_await code_of(at.db, R"({"add": [2, 3], "$db": "demo"})");
                CHECK(five == "ok");
            },
            cy);
    with_driver(
        [&](fixture& at) -> awaitable<void> {
            const auto got = co_await code_of(
                at.db,
                R"({"authenticate": 1, "mechanism": "MONGODB-X509", "user": "ada", "$db": "$external"})");
            CHECK(got == "18");
        },
        cy);
}

TEST_CASE("PLAIN is for encrypted connections") {
    const auto plain = plain_login();
    with_driver([&](fixture& at) -> awaitable<void> {
        const auto got = co_await code_of(at.db, plain);
        CHECK(got == "18");
    });
    with_driver(
        [&](fixture& at) -> awaitable<void> {
            const auto got = co_await code_of(at.db, plain);
            CHECK(got == "ok");
            const auto five = co_await code_of(at.db, R"({"add": [2, 3], "$db": "demo"})");
            CHECK(five == "ok");
        },
        encrypted());
}

TEST_CASE("hello does not wait for the password of PLAIN") {
    with_driver(
        [&](fixture& at) -> awaitable<void> {
            const auto early = plain_login();
            json hello{{"hello", 1}, {"$db", "admin"}};
            hello["speculativeAuthenticate"] = json::parse(early);
            const json got = co_await at.db.run(hello.dump());
            CHECK(got["ok"] == 1);
            CHECK_FALSE(got.contains("speculativeAuthenticate"));
            const auto in = co_await code_of(at.db, early); // nothing is left of the other
            CHECK(in == "ok");
        },
        encrypted());
}

TEST_CASE("who logs out while a password is checked is nobody afterwards") {
    with_driver(
        [&](fixture& at) -> awaitable<void> {
            const auto plain = plain_login();
            const auto login = co_await at.db.send(plain);
            const auto logout = co_await at.db.send(R"({"logout": 1, "$db": "admin"})");
            const json out = co_await at.db.answer(logout);
            CHECK(out["ok"] == 1);
            const json in = co_await at.db.answer(login);
            CHECK(in["code"] == 18);
            std::string five = co_await code_of(at.db, R"({"add": [2, 3], "$db": "demo"})");
            CHECK(five == "13");
            const auto again = co_await code_of(at.db, plain);
            CHECK(again == "ok");
            five = co_await code_of(at.db, R"({"add": [2, 3], "$db": "demo"})");
            CHECK(five == "ok");
        },
        encrypted());
}

TEST_CASE("roles allow methods however they are asked for, and the server's own by mongodb.NAME") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await log_in(at.db, "bob", "bob", scram::mechanism::sha_256, true);
        for (const auto* mine :
             {R"({"add": [2, 3], "$db": "demo"})",
              R"({"find": "add", "filter": {"a": 2, "b": 3}, "$db": "demo"})",
              R"({"ping": 1, "$db": "admin"})", R"({"listDatabases": 1, "$db": "admin"})"}) {
            CAPTURE(mine);
            const auto got = co_await code_of(at.db, mine);
            CHECK(got == "ok");
        }
        for (
            const auto* others :
            {R"({"numbers": [1], "$db": "demo"})",
             R"({"find": "numbers", "filter": {"n": 1}, "$db": "demo"})",
             R"({"find": "count", "filter": {"n": 5, "ms": 0}, "batchSize": 2, "$db": "demo"})",
             R"({"count": [5, 0], "$db": "demo"})", R"({"currentOp": 1, "$db": "admin"})",
             R"({"killOp": 1, "op": 5, "$db": "admin"})", R"({"serverStatus": 1, "$db": "admin"})",
             R"({"hostInfo": 1, "$db": "admin"})",
             R"({"aggregate": 1, "pipeline": [{"$currentOp": {}}], "cursor": {}, "$db": "admin"})"}) {
            CAPTURE(others);
            const auto got = co_await code_of(at.db, others);
            CHECK(got == "13");
        }
        const json inserted =
            co_await at.db.run(R"({"insert": "log", "documents": [{"text": "x"}], "$db": "demo"})");
        CHECK(inserted["writeErrors"][0]["code"] == 13);
        co_await log_in(at.db, "ada", "ada", scram::mechanism::sha_256, true);
        for (const auto* all :
             {R"({"currentOp": 1, "$db": "admin"})", R"({"killOp": 1, "op": 5, "$db": "admin"})",
              R"({"serverStatus": 1, "$db": "admin"})"}) {
            const auto got = co_await code_of(at.db, all);
            CHECK(got == "ok");
        }
    });
}

TEST_CASE("connectionStatus says who has logged in, and logout makes that nobody") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await log_in(at.db, "bob", "bob", scram::mechanism::sha_1, true);
        const json got = co_await at.db.run(R"({"connectionStatus": 1, "$db": "admin"})");
        CHECK(got["authInfo"].dump() ==
              R"({"authenticatedUsers":[{"user":"bob","db":"admin"}],)"
              R"("authenticatedUserRoles":[{"role":"adder","db":"admin"}]})");
        co_await code_of(at.db, R"({"logout": 1, "$db": "admin"})");
        const auto after = co_await code_of(at.db, R"({"ping": 1, "$db": "admin"})");
        CHECK(after == "13");
    });
}

TEST_CASE("a cursor is its user's, whoever knows its number") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await log_in(at.db, "ada", "ada", scram::mechanism::sha_256, true);
        const json opened = co_await at.db.run(
            R"({"find": "count", "filter": {"n": 5, "ms": 0}, "batchSize": 2, "$db": "demo"})");
        REQUIRE(opened["ok"] == 1.0);
        const auto id = R"({"$numberLong": ")" + opened["cursor"]["id"].dump() + "\"}";
        co_await log_in(at.db, "bob", "bob", scram::mechanism::sha_256, true);
        const auto more =
            R"({"getMore": )" + id + R"(, "collection": "count", "batchSize": 2, "$db": "demo"})";
        std::string got = co_await code_of(at.db, more);
        CHECK(got == "43");
        const json killed = co_await at.db.run(R"({"killCursors": "count", "cursors": [)" + id +
                                               R"(], "$db": "demo"})");
        CHECK(killed["cursorsNotFound"].size() == 1);
        co_await log_in(at.db, "ada", "ada", scram::mechanism::sha_256, true);
        got = co_await code_of(at.db, more);
        CHECK(got == "ok");
    });
}

TEST_CASE("who is removed, or may no more, gets nothing from then on, of open cursors either") {
    with_driver([](fixture& at) -> awaitable<void> {
        co_await log_in(at.db, "ada", "ada", scram::mechanism::sha_256, true);
        std::vector<std::string> more;
        for (const auto* open :
             {R"({"find": "count", "filter": {"n": 5, "ms": 0}, "batchSize": 1, "$db": "demo"})",
              R"({"find": "numbers", "filter": {"n": 5}, "batchSize": 1, "$db": "demo"})",
              R"({"find": "numbers", "filter": {"n": 5}, "batchSize": 1, "$db": "demo"})",
              R"({"count": [5, 0], "batchSize": 1, "$db": "demo"})",
              R"({"aggregate": "numbers", "pipeline": [{"$match": {"n": 5}}],
                  "cursor": {"batchSize": 1}, "$db": "demo"})",
              R"({"listCollections": 1, "cursor": {"batchSize": 1}, "$db": "demo"})"}) {
            CAPTURE(open);
            const json first = co_await at.db.run(open);
            REQUIRE(first["ok"] == 1.0);
            REQUIRE(first["cursor"]["id"] != 0);
            const auto ns = first["cursor"]["ns"].get<std::string>();
            more.push_back(R"({"getMore": {"$numberLong": ")" + first["cursor"]["id"].dump() +
                           R"("}, "collection": ")" + ns.substr(ns.find('.') + 1) +
                           R"(", "batchSize": 1, "$db": "demo"})");
        }
        for (const auto& command : more) {
            CAPTURE(command);
            const auto got = co_await code_of(at.db, command);
            CHECK(got == "ok");
        }
        auto users = make_users();
        users.define("admin", {"add"});
        at.access->replace(users);
        for (const auto& command : more) {
            CAPTURE(command);
            const auto got = co_await code_of(at.db, command);
            CHECK(got == (&command == &more.back() ? "ok" : "13"));
        }
        users.remove("ada");
        at.access->replace(users);
        for (const auto* all :
             {R"({"ping": 1, "$db": "admin"})", R"({"listDatabases": 1, "$db": "admin"})",
              R"({"listCollections": 1, "$db": "demo"})", R"({"add": [1, 2], "$db": "demo"})"}) {
            CAPTURE(all);
            const auto got = co_await code_of(at.db, all);
            CHECK(got == "13");
        }
        const auto last = co_await code_of(at.db, more.back());
        CHECK(last == "13");
    });
}

TEST_CASE("a call with a token is its owner's from the beginning, and so is its cursor") {
    access_options options;
    options.bearer = [](std::string_view token) -> std::optional<std::string> {
        if (token == "ada") return "ada";
        return std::nullopt;
    };
    run([&]() -> awaitable<void> {
        fixture at(co_await this_coro::executor, nullptr, options);
        const auto with = [](std::string_view command, std::string_view token) {
            return "{" + std::string(command) + R"(, "batchSize": 1, "$oocrpc": {"meta": )" +
                   R"({"authorization": "Bearer )" + std::string(token) + R"("}}, "$db": "demo"})";
        };
        const auto find = R"("find": "count", "filter": {"n": 5, "ms": 0})";
        const auto refused = co_await code_of(at.db, with(find, "eve"));
        CHECK(refused == "18");
        // The method is looked up the first time, and known the second.
        for (int i = 0; i < 2; ++i) {
            const json first = co_await at.db.run(with(find, "ada"));
            REQUIRE(first["ok"] == 1.0);
            const auto more = R"("getMore": {"$numberLong": ")" + first["cursor"]["id"].dump() +
                              R"("}, "collection": "count")";
            std::string got = co_await code_of(at.db, with(more, "ada"));
            CHECK(got == "ok");
            got = co_await code_of(at.db, "{" + more + R"(, "$db": "demo"})");
            CHECK(got == "13");
        }
        co_await log_in(at.db, "ada", "ada", scram::mechanism::sha_256, true);
        const auto ping = co_await code_of(at.db, R"({"ping": 1, "$db": "admin"})");
        CHECK(ping == "ok");
        co_await at.db.hang_up();
    });
}

TEST_CASE("before the login a message, also a compressed one once unpacked, has 64 KiB at most") {
    with_driver([](fixture& at) -> awaitable<void> {
        const auto ping = [&](std::size_t size) {
            return R"({"hello": 1, "x": ")" + std::string(size, 'x') + R"(", "$db": "admin"})";
        };
        const auto below = co_await code_of(at.db, ping(60'000));
        CHECK(below == "ok");
        const json above = co_await at.db.run(ping(66'000));
        CHECK(above.is_null());
    });
    with_driver([](fixture& at) -> awaitable<void> {
        co_await log_in(at.db, "ada", "ada", scram::mechanism::sha_256, true);
        const auto large = co_await code_of(
            at.db, R"({"ping": 1, "x": ")" + std::string(66'000, 'x') + R"(", "$db": "admin"})");
        CHECK(large == "ok");
    });
}

} // TEST_SUITE("mongodb login")
