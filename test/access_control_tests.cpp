#include "support/demo_service.hpp"
#include "support/served.hpp"
#include "support/users.hpp"

#include "../lib/log_in.hpp"
#include "../lib/protocols.hpp"

#include <oocrpc/built_in.hpp>
#include <oocrpc/client_login.hpp>
#include <oocrpc/when.hpp>

using namespace oocrpc;
using namespace oocrpc::test;

namespace {

/// A service whose callers log in, behind a connection in memory.
struct guarded : controlled {
    using controlled::controlled;

    handler serve(handler inner = make_demo()) {
        return protocols::serving(std::move(inner), std::make_shared<call_registry>(), access);
    }
    connection_options options() {
        connection_options o;
        o.login_required = true;
        return o;
    }
    /// Of a connection that is encrypted, or says what `tls` is.
    connection_options encrypted_options(std::shared_ptr<const tls_info> tls = encrypted()) {
        auto o = options();
        o.on_behalf_of = std::make_shared<const peer_info>(
            peer_info{"192.0.2.1:7", "oocrpc", "", std::move(tls)});
        return o;
    }
    template <class F> void with_peer(F f) { serving(serve(), std::move(f), options()); }
    void ask(std::vector<question> all) { test::ask(serve(), std::move(all), options()); }
};

awaitable<std::string> log_in(peer& p, std::string user, std::string password,
                              scram::mechanism m = scram::mechanism::sha_256) {
    scram::client c(m, user, scram::prepare(m, user, password));
    std::string mechanism(to_string(m));
    try {
        auto answer = co_await p.call(built_in::sasl_start, std::move(mechanism), c.first());
        while (!answer.done) {
            auto next = c.next(answer.payload);
            if (!next.ok()) co_return std::string(to_string(next.why));
            answer = co_await p.call(built_in::sasl_continue, std::move(next.message));
        }
        const auto last = c.next(answer.payload);
        co_return last.ok() && c.authenticated() ? "ok" : "the server is not who it says";
    } catch (const std::exception& e) {
        co_return e.what();
    }
}

awaitable<std::string> call_add(peer& p) {
    json arguments = json::array({2, 3});
    co_return co_await outcome(p, "add", std::move(arguments));
}

const std::string failed = "unauthenticated: authentication failed";
const std::string not_yet = "unauthenticated: 'add' is for users who have logged in";

} // namespace

TEST_SUITE("access_control") {

TEST_CASE("before the login only hello, ping and the login itself are served") {
    guarded g;
    g.ask({{"add", "[2, 3]", not_yet},
           {"nothing", "", "unauthenticated: 'nothing' is for users who have logged in"},
           {"oocrpc.list", "", "unauthenticated: 'oocrpc.list' is for users who have logged in"},
           {"oocrpc.describe", "[]",
            "unauthenticated: 'oocrpc.describe' is for users who have logged in"},
           {"oocrpc.ping", "", "null"}});
    CHECK(g.attempts.empty());
}

TEST_CASE("the right password opens what the roles allow, and nothing else") {
    guarded g;
    g.with_peer([&](peer& p) -> awaitable<void> {
        const auto in = co_await log_in(p, "bob", "bob");
        CHECK(in == "ok");
        const auto five = co_await call_add(p);
        CHECK(five == "5");
        json ms = json::array({1});
        const auto other = co_await outcome(p, "slow", std::move(ms));
        CHECK(other == "permission_denied: 'slow' is not allowed to this user");
        const auto absent = co_await outcome(p, "nothing");
        CHECK(absent == "permission_denied: 'nothing' is not allowed to this user");
        const auto names = co_await outcome(p, "oocrpc.list");
        CHECK(names == R"(["add","slow"])");
    });
    CHECK(g.attempts == std::vector<std::string>{"SCRAM-SHA-256 bob: ok"});
}

TEST_CASE("a wrong password and a user whom nobody knows are refused in the same words") {
    for (const auto& [user, password] :
         {std::pair("ada", "wrong"), std::pair("nobody", "ydobon"), std::pair("CN=cy,O=Ltd", "x")})
        for (const auto m : {scram::mechanism::sha_256, scram::mechanism::sha_1}) {
            guarded g;
            g.with_peer([&](peer& p) -> awaitable<void> {
                const auto in = co_await log_in(p, user, password, m);
                CHECK(in == failed);
                const auto five = co_await call_add(p);
                CHECK(five == not_yet);
            });
            CHECK(g.attempts ==
                  std::vector<std::string>{std::string(to_string(m)) + " " + user + ": " +
                                           std::string(to_string(scram::failure::proof))});
        }
}

TEST_CASE("a login that fails ends the one before it, and the third failure the connection") {
    guarded g;
    g.with_peer([&](peer& p) -> awaitable<void> {
        std::string in = co_await log_in(p, "ada", "ada");
        CHECK(in == "ok");
        in = co_await log_in(p, "bob", "x");
        CHECK(in == failed);
        std::string five = co_await call_add(p);
        CHECK(five == not_yet);
        in = co_await log_in(p, "ada", "ada"); // who has an account does not guess for ever
        CHECK(in == "ok");
        for (int i = 0; i < 2; ++i) {
            in = co_await log_in(p, "bob", "x");
            CHECK(in == failed);
        }
        co_await settle();
        five = co_await call_add(p);
        CHECK(five.starts_with("unavailable"));
    });
    CHECK(g.attempts.size() == 5);
}

TEST_CASE("logins that are sent at once are looked at one by one, and three of all") {
    const auto attempts = [](std::string method, json arguments) {
        guarded g;
        auto o = g.encrypted_options();
        const auto flood = [&](peer& p) -> awaitable<void> {
            for (std::size_t round = 0; g.attempts.size() < 3; ++round) {
                std::vector<awaitable<std::string>> all;
                for (int i = 0; i < 32; ++i) all.push_back(outcome(p, method, arguments));
                auto answers = co_await when_all(std::move(all));
                REQUIRE(g.attempts.size() > round);
                for (const auto& a : answers)
                    CHECK((a.value() == failed ||
                           (g.attempts.size() == 3 && a.value().starts_with("unavailable"))));
            }
            co_await settle();
            const auto late = co_await outcome(p, "oocrpc.ping");
            CHECK(late.starts_with("unavailable"));
        };
        serving(g.serve(), flood, std::move(o));
        return g.attempts.size();
    };
    using namespace std::string_literals;
    CHECK(attempts("oocrpc.sasl_start", json::array({"SCRAM-SHA-512", ""})) == 3);
    CHECK(attempts("oocrpc.sasl_start", json::array({"PLAIN", "\0ada\0x"s})) == 3);
    CHECK(attempts("oocrpc.sasl_continue", json::array({"c=biws"})) == 3);
}

TEST_CASE("a name that nobody can have is refused, and does not fill the log") {
    using namespace std::string_literals;
    const std::string name(1025, 'x');
    for (const auto& [mechanism, payload] :
         {std::pair("PLAIN"s, "\0"s + name + "\0x"s),
          std::pair("SCRAM-SHA-256"s, "n,,n=" + name + ",r=abc"s)}) {
        guarded g;
        auto o = g.encrypted_options();
        serving(
            g.serve(),
            [&](peer& p) -> awaitable<void> {
                json arguments = json::array({mechanism, payload});
                const auto got = co_await outcome(p, "oocrpc.sasl_start", std::move(arguments));
                CHECK(got == failed);
            },
            std::move(o));
        CHECK(g.attempts ==
              std::vector<std::string>{mechanism + " : the name is longer than any user's"});
    }
}

TEST_CASE("of the service oocrpc only what everybody may call is everybody's") {
    guarded g;
    std::vector<std::string> reached;
    auto inner = [demo = handler(make_demo()), &reached](context& c, message&& call) {
        reached.emplace_back(call.method);
        return demo(c, std::move(call));
    };
    serving(
        g.serve(inner),
        [&](peer& p) -> awaitable<void> {
            const auto in = co_await log_in(p, "bob", "bob");
            CHECK(in == "ok");
            for (const std::string other :
                 {"oocrpc.$cmd", "oocrpc.dropDatabase", "oocrpc.", "oocrpc.pinga"}) {
                const auto got = co_await outcome(p, other);
                CHECK(got == "permission_denied: '" + other + "' is not allowed to this user");
            }
            CHECK(reached.empty());
            for (const auto* open : {"oocrpc.ping", "oocrpc.hello", "oocrpc.list"}) {
                const auto got = co_await outcome(p, open);
                CHECK_MESSAGE(got.find("denied") == got.npos, got);
            }
            CHECK(reached.size() == 3);
        },
        g.options());
}

TEST_CASE("a client that names its user shows with a certificate that it is that one") {
    const auto log_in_as = [](std::string user) {
        guarded g;
        std::string got = "ok";
        run([&]() -> awaitable<void> {
            auto o = g.options();
            o.on_behalf_of = std::make_shared<const peer_info>(
                peer_info{"192.0.2.1:7", "oocrpc", "", encrypted("CN=cy,O=Ltd")});
            connection_options ours;
            linked w(co_await this_coro::executor, nullptr, g.serve(), std::move(ours),
                     std::move(o));
            auto as = std::make_shared<client_login>();
            as->user = std::move(user);
            as->mechanism = "MONGODB-X509";
            try {
                co_await detail::log_in(w.a, as, call_deadline());
            } catch (const rpc_error& e) {
                got = e.what();
            }
            co_await w.close();
        });
        return got;
    };
    CHECK(log_in_as("CN=cy,O=Ltd") == "ok");
    CHECK(log_in_as("") == "ok");
    CHECK(log_in_as("ada") ==
          "unauthenticated: the login of 'ada' by MONGODB-X509 failed: the server says "
          "unauthenticated: authentication failed");
}

TEST_CASE("messages of a login out of their order, or none at all, are failures") {
    guarded g;
    g.ask({{"oocrpc.sasl_continue", R"(["c=biws"])", failed},
           {"oocrpc.sasl_start", R"(["SCRAM-SHA-512", ""])", failed}});
    guarded other;
    other.ask({{"oocrpc.sasl_start", R"(["SCRAM-SHA-256", "garbage"])", failed},
               {"oocrpc.sasl_continue", R"(["garbage"])", failed},
               {"add", "[2, 3]", "unauthenticated: 'add' is for users who have logged in"}});
    CHECK(g.attempts == std::vector<std::string>{" : a message of a login that has not begun",
                                                 "SCRAM-SHA-512 : no such mechanism"});
}

TEST_CASE("a user without credentials of the mechanism cannot log in by it") {
    guarded g;
    g.with_peer([&](peer& p) -> awaitable<void> {
        std::string in = co_await log_in(p, "old", "dlo", scram::mechanism::sha_256);
        CHECK(in == failed);
        in = co_await log_in(p, "old", "dlo", scram::mechanism::sha_1);
        CHECK(in == "ok");
    });
}

TEST_CASE("PLAIN needs an encrypted connection, and the right password") {
    using namespace std::string_literals;
    const auto attempt = [](std::shared_ptr<const tls_info> tls, std::string payload) {
        guarded g;
        auto o = g.encrypted_options(std::move(tls));
        serving(
            g.serve(),
            [&](peer& p) -> awaitable<void> {
                std::string how = "PLAIN";
                std::string answer = "ok";
                try {
                    co_await p.call(built_in::sasl_start, std::move(how), std::move(payload));
                } catch (const rpc_error& e) {
                    answer = e.what();
                }
                CHECK(answer == (g.attempts[0].ends_with(": ok") ? "ok" : failed));
            },
            std::move(o));
        return g.attempts[0];
    };
    CHECK(attempt(encrypted(), "\0ada\0ada"s) == "PLAIN ada: ok");
    CHECK(attempt(encrypted(), "ada\0ada\0ada"s) == "PLAIN ada: ok");
    CHECK(attempt(encrypted(), "\0old\0dlo"s) == "PLAIN old: ok");
    CHECK(attempt(nullptr, "\0ada\0ada"s) == "PLAIN : the connection is not encrypted");
    const auto wrong = ": the password is wrong, or the user unknown"s;
    CHECK(attempt(encrypted(), "\0ada\0adb"s) == "PLAIN ada" + wrong);
    CHECK(attempt(encrypted(), "\0eve\0eve"s) == "PLAIN eve" + wrong);
    CHECK(attempt(encrypted(), "\0CN=cy,O=Ltd\0x"s) == "PLAIN CN=cy,O=Ltd" + wrong);
    CHECK(attempt(encrypted(), "eve\0ada\0ada"s) == "PLAIN ada: wants to act as somebody else");
    CHECK(attempt(encrypted(), "\0ada"s) == "PLAIN : malformed");
    CHECK(attempt(encrypted(), "ada"s) == "PLAIN : malformed");
    CHECK(attempt(encrypted(), "\0ada\0"s).starts_with("PLAIN ada: "));
}

/// Logs in by PLAIN.
awaitable<std::string> log_in_plainly(caller c, std::string user, std::string password) {
    using namespace std::string_literals;
    json arguments = json::array({"PLAIN", "\0"s + user + "\0"s + password});
    std::string got = co_await outcome(c, "oocrpc.sasl_start", std::move(arguments));
    co_return got;
}

/// A login by PLAIN, and what is tried while its password is checked.
template <class F> std::vector<std::string> while_checked(F f) {
    guarded g;
    serving(g.serve(), std::move(f), g.encrypted_options());
    return g.attempts;
}

TEST_CASE("others are served while a password is checked") {
    while_checked([](peer& p) -> awaitable<void> {
        std::string order;
        const auto login = [](peer& by, std::string& in) -> awaitable<void> {
            co_await log_in_plainly(by, "ada", "ada");
            in += 'l';
        };
        const auto ping = [](peer& by, std::string& in) -> awaitable<void> {
            for (int i = 0; i < 3; ++i) {
                co_await outcome(by, "oocrpc.ping");
                in += 'p';
            }
        };
        auto both = when_all(login(p, order), ping(p, order));
        co_await std::move(both);
        CHECK(order == "pppl");
        const auto five = co_await call_add(p);
        CHECK(five == "5");
    });
}

TEST_CASE("a login while another's password is checked is refused, and changes nothing of it") {
    const auto attempts = while_checked([](peer& p) -> awaitable<void> {
        auto both = when_all(log_in_plainly(p, "ada", "ada"), log_in_plainly(p, "bob", "bob"));
        auto [first, second] = co_await std::move(both);
        CHECK(first.value() == R"({"payload":"","done":true})");
        CHECK(second.value() == failed);
        json ms = json::array({1});
        const auto as_ada = co_await outcome(p, "slow", std::move(ms));
        CHECK(as_ada == "1");
    });
    CHECK(attempts == std::vector<std::string>{"PLAIN ada: ok"});
}

TEST_CASE("a step of another login while a password is checked is refused, too") {
    const auto attempts = while_checked([](peer& p) -> awaitable<void> {
        json step = json::array({"c=biws"});
        auto both = when_all(log_in_plainly(p, "ada", "ada"),
                             outcome(p, "oocrpc.sasl_continue", std::move(step)));
        auto [login, other] = co_await std::move(both);
        CHECK(login.value() == R"({"payload":"","done":true})");
        CHECK(other.value() == failed);
    });
    CHECK(attempts == std::vector<std::string>{"PLAIN ada: ok"});
}

TEST_CASE("a user who is removed while the password is checked is not let in") {
    guarded g;
    const auto remove = [&g](peer& by) -> awaitable<void> {
        co_await outcome(by, "oocrpc.ping");
        auto without = make_users();
        without.remove("ada");
        g.access->replace(without);
    };
    const auto both_of = [&](peer& p) -> awaitable<void> {
        auto both = when_all(log_in_plainly(p, "ada", "ada"), remove(p));
        auto [login, removed] = co_await std::move(both);
        CHECK(login.value() == failed);
    };
    serving(g.serve(), both_of, g.encrypted_options());
}

TEST_CASE("a second step that does not wait for the first is refused, and changes nothing of it") {
    guarded g;
    g.with_peer([&](peer& p) -> awaitable<void> {
        // After this one read has room for both steps: the second is there before the first's turn.
        json large = json::array({std::string(2000, 'x')});
        co_await outcome(p, "oocrpc.ping", std::move(large));
        scram::client c(scram::mechanism::sha_256, "ada",
                        scram::prepare(scram::mechanism::sha_256, "ada", "ada"));
        std::string mechanism = "SCRAM-SHA-256";
        auto answer = co_await p.call(built_in::sasl_start, std::move(mechanism), c.first());
        const auto last = c.next(answer.payload);
        json step = json::array({last.message}), again = json::array({last.message});
        auto both = when_all(outcome(p, "oocrpc.sasl_continue", std::move(step)),
                             outcome(p, "oocrpc.sasl_continue", std::move(again)));
        auto [first, second] = co_await std::move(both);
        CHECK(first.value().find(R"("done":true)") != std::string::npos);
        CHECK(second.value() == failed);
        const auto five = co_await call_add(p);
        CHECK(five == "5");
    });
    CHECK(g.attempts == std::vector<std::string>{"SCRAM-SHA-256 ada: ok"});
}

TEST_CASE("the third login that is given up while its password is checked ends the connection") {
    const auto attempts = while_checked([](peer& p) -> awaitable<void> {
        for (int i = 0; i < 3; ++i) {
            auto login = when_any(log_in_plainly(p, "ada", "ada"), outcome(p, "oocrpc.ping"));
            const auto first = co_await std::move(login);
            CHECK(first.index == 1);
            co_await settle();
            const auto five = co_await call_add(p);
            CHECK(five.starts_with(i < 2 ? not_yet : "unavailable"));
        }
    });
    CHECK(attempts == std::vector<std::string>(3, "PLAIN ada: given up"));
}

TEST_CASE("a connection may end while a password is checked") {
    guarded g;
    run([&]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        connection_options ours;
        linked w(ex, nullptr, g.serve(), std::move(ours), g.encrypted_options());
        peer p(w.a);
        const auto leave = [](linked& leaving, peer& from) -> awaitable<void> {
            co_await outcome(from, "oocrpc.ping");
            co_await leaving.close();
        };
        auto both = when_all(log_in_plainly(p, "ada", "ada"), leave(w, p));
        auto [login, left] = co_await std::move(both);
        CHECK(login.value().starts_with("unavailable"));
        co_await settle();
    });
    CHECK(g.attempts == std::vector<std::string>{"PLAIN ada: given up"});
}

TEST_CASE("a call is its caller's to the end, whoever logs in or fails to meanwhile") {
    guarded g;
    service s{""};
    const method<std::string()> who{"who", {}};
    s.on(who, [](context& c) -> awaitable<std::string> {
        const auto before = c.user();
        co_await sleep_for(std::chrono::milliseconds(5));
        co_return before + ", " + c.user() + ", " + c.info().user;
    });
    serving(
        g.serve(s),
        [](peer& p) -> awaitable<void> {
            co_await log_in(p, "ada", "ada");
            auto both = when_all(outcome(p, "who"), log_in(p, "bob", "bob"));
            auto [first, in] = co_await std::move(both);
            CHECK(in.value() == "ok");
            CHECK(first.value() == R"("ada, ada, bob")");
            co_await log_in(p, "ada", "ada");
            auto failing = when_all(outcome(p, "who"), log_in(p, "ada", "wrong"));
            auto [second, out] = co_await std::move(failing);
            CHECK(out.value() == failed);
            CHECK(second.value() == R"("ada, ada, ")");
        },
        g.options());
}

TEST_CASE("a certificate's user is found by its subject, else by a name of its SAN") {
    const controlled c;
    CHECK(c.access->user_of(*encrypted("CN=cy,O=Ltd")) == "CN=cy,O=Ltd");
    CHECK(c.access->user_of(*encrypted("CN=x", {"DNS:x", "email:di@example.org"})) ==
          "email:di@example.org");
    CHECK(c.access->user_of(*encrypted("CN=x", {"DNS:ada", "di@example.org", "ada"})) == "ada");
    CHECK(c.access->user_of(*encrypted("CN=x", {"DNS:ada"})) == "");
    CHECK(c.access->user_of(*encrypted()) == "");
}

TEST_CASE("a token makes one call its owner's") {
    access_options options;
    options.bearer = [](std::string_view token) -> std::optional<std::string> {
        if (token == "b0b") return "bob";
        return std::nullopt;
    };
    guarded g(std::move(options));
    std::vector<metadata> seen;
    auto inner = [demo = handler(make_demo()), &seen](context& c, message&& call) {
        seen.push_back(c.meta());
        return demo(c, std::move(call));
    };
    const auto with = [](std::string text) {
        call_options o;
        o.meta.set("authorization", text);
        o.meta.set("other", "stays");
        return o;
    };
    serving(
        g.serve(inner),
        [&](peer& p) -> awaitable<void> {
            json two = json::array({2, 3}), ms = json::array({1});
            std::string got = co_await outcome(p, "add", two, with("Bearer b0b"));
            CHECK(got == "5");
            got = co_await outcome(p, "slow", ms, with("Bearer b0b"));
            CHECK(got == "permission_denied: 'slow' is not allowed to this user");
            for (const auto* bad : {"Bearer eve", "Bearer ", "bearer b0b", "Basic b0b", ""}) {
                got = co_await outcome(p, "add", two, with(bad));
                CHECK(got == "unauthenticated: the token is not valid");
            }
            got = co_await call_add(p);
            CHECK(got == not_yet);
        },
        g.options());
    REQUIRE(seen.size() == 1);
    CHECK(seen[0] == metadata{{"other", "stays"}}); // what opened the door goes no further
}

TEST_CASE("where nobody can tell whose a token is, it goes on to the handler behind a login") {
    guarded g;
    std::vector<metadata> seen;
    auto inner = [demo = handler(make_demo()), &seen](context& c, message&& call) {
        seen.push_back(c.meta());
        return demo(c, std::move(call));
    };
    serving(
        g.serve(inner),
        [&](peer& p) -> awaitable<void> {
            call_options o;
            o.meta.set("authorization", "Bearer ada");
            json two = json::array({2, 3});
            std::string got = co_await outcome(p, "add", two, o);
            CHECK(got == not_yet);
            co_await log_in(p, "bob", "bob");
            got = co_await outcome(p, "add", two, o);
            CHECK(got == "5");
            got = co_await outcome(p, "slow", nullptr, o);
            CHECK(got == "permission_denied: 'slow' is not allowed to this user");
        },
        g.options());
    REQUIRE(seen.size() == 1);
    CHECK(seen[0] == metadata{{"authorization", "Bearer ada"}});
}

TEST_CASE("users who are replaced keep their connection and have the new rights") {
    guarded g;
    g.with_peer([&](peer& p) -> awaitable<void> {
        co_await log_in(p, "bob", "bob");
        std::string five = co_await call_add(p);
        CHECK(five == "5");
        auto without = make_users();
        without.define("adder", {});
        g.access->replace(without);
        five = co_await call_add(p);
        CHECK(five == "permission_denied: 'add' is not allowed to this user");
        without.remove("bob");
        g.access->replace(without);
        five = co_await call_add(p);
        CHECK(five == "permission_denied: 'add' is not allowed to this user");
        for (const std::string open : {"oocrpc.list", "oocrpc.describe"}) {
            const auto got = co_await outcome(p, open);
            CHECK(got == "permission_denied: '" + open + "' is not allowed to this user");
        }
        const auto in = co_await log_in(p, "bob", "bob");
        CHECK(in == failed);
    });
}

TEST_CASE("a peer that has not logged in sends messages of 64 KiB at most") {
    const auto send = [](std::size_t size, bool logged_in) {
        guarded g;
        std::string got;
        g.with_peer([&](peer& p) -> awaitable<void> {
            if (logged_in) co_await log_in(p, "bob", "bob");
            // {call: {funcname: "oocrpc.sasl_continue", arguments: [""]}, id: 1, timeout_ms: 1}
            const std::size_t around = 107;
            json text = json::array({std::string(size - around, 'x')});
            got = co_await outcome(p, "oocrpc.sasl_continue", std::move(text));
        });
        return got;
    };
    const std::size_t most = limits().max_message_before_login;
    CHECK(send(most, false) == failed);
    const auto above = send(most + 1, false);
    CAPTURE(above);
    CHECK(above.find("a frame of 65537 bytes exceeds the limit of 65536") != above.npos);
    CHECK(send(most + 1, true) == failed);
}

} // TEST_SUITE("access_control")
