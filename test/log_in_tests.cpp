// Clients that log in, on the whole call path, over the network in memory.

#include "support/login_server.hpp"
#include "support/run.hpp"
#include "support/scripted_peer.hpp"
#include "support/served.hpp"
#include "support/spawned.hpp"

#include <oocrpc/built_in.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/testing/memory_network.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;
using testing::memory_network;

namespace {

const std::string native_url = "oocrpc://ann@alpha:9000";
const std::string mongodb_url = "mongodb://ann@alpha:27017/demo";

client_options password(std::string_view text = "pencil") {
    client_options options;
    options.password = std::make_shared<const secret>(text);
    return options;
}

/// What a server of ours that logs users in is told to do, and what it has seen.
struct native_server {
    std::function<std::string(std::string, int)> spoil; ///< its messages, counted from 1
    int silent_at = 0;                                  ///< the message that never comes
    bool early = false;                                 ///< says done before the proof
    int logins = 0;
    std::vector<std::string> authorization; ///< of each call
};

/// Of a connection.
struct login_session {
    std::optional<scram::server> scram;
    bool done = false;
};

maybe_awaitable<message> answered(const message& call, const sasl_reply& reply) {
    byte_buffer body;
    const auto t = bson::put(body, reply);
    auto m = message::reply(call.id, {t, body});
    m.own();
    return m;
}

awaitable<message> never() {
    co_await sleep_for(1h);
    co_return message();
}

maybe_awaitable<message> step(native_server& s, login_session& session, const message& call,
                              const std::string& payload) {
    const auto number = session.scram->authenticated() ? 3 : call.method.ends_with("start") ? 1 : 2;
    if (number == s.silent_at) return never();
    auto reply = session.scram->next(payload);
    if (!reply.ok()) throw rpc_error(errc::unauthenticated, "no");
    session.done = session.scram->authenticated();
    s.logins += session.done;
    sasl_reply out{std::move(reply.message), session.done || s.early};
    if (s.spoil) out.payload = s.spoil(std::move(out.payload), number);
    return answered(call, out);
}

/// `who` says who is logged in; the service's own login, which a plain service may not have.
handler logging_in(native_server& s) {
    return [&s](context& c, message&& call) -> maybe_awaitable<message> {
        auto& session = c.session<login_session>();
        const auto arguments = present(call.body) ? bson::to_json(call.body) : json();
        const auto* token = c.meta().find("authorization");
        s.authorization.push_back(token ? *token : "");
        if (call.method == "oocrpc.sasl_start") {
            CHECK(arguments.at(0) == "SCRAM-SHA-256");
            session.scram.emplace(scram::mechanism::sha_256, [](std::string_view user) {
                return login_users().credentials(scram::mechanism::sha_256, user);
            });
            return step(s, session, call, arguments.at(1));
        }
        if (call.method == "oocrpc.sasl_continue") return step(s, session, call, arguments.at(0));
        if (!session.done) throw rpc_error(errc::unauthenticated, "log in first");
        byte_buffer body;
        const auto t = bson::put(body, session.scram->user());
        auto m = message::reply(call.id, {t, body});
        m.own();
        return m;
    };
}

/// It, running.
struct native_site {
    explicit native_site(const any_io_executor& ex) : own(ex) {
        own.listen("oocrpc://alpha:9000");
        auto body = own.run(logging_in(at));
        run.start(ex, std::move(body));
    }
    awaitable<void> stop() {
        own.drain();
        while (!run.done) co_await sleep_for(1ms);
        CHECK(what(run.error) == "");
    }
    native_server at;
    server own;
    spawned run;
};

/// A MongoDB server, running.
struct mongodb_site {
    explicit mongodb_site(const any_io_executor& ex, login_server::behaviour b = {})
        : how(std::move(b)),
          listening(listener::open(ex, url::parse("mongodb://alpha:27017"))),
          tasks(ex) {
        tasks.spawn(accept());
    }
    awaitable<void> stop() {
        listening->close();
        tasks.cancel();
        co_await tasks.join();
    }
    int logins() const {
        return static_cast<int>(std::ranges::count_if(seen, [](auto& s) { return s->logged_in; }));
    }

    login_server::behaviour how;
    std::size_t silent_after = 1000;                 ///< answers on each connection
    std::vector<std::shared_ptr<login_server>> seen; ///< one a connection

  private:
    awaitable<void> accept() {
        try {
            for (;;) {
                auto next = co_await listening->accept();
                seen.push_back(std::make_shared<login_server>(how));
                tasks.spawn(serve(std::move(next), seen.back()));
            }
        } catch (const std::system_error&) {
        }
    }
    awaitable<void> serve(std::unique_ptr<byte_stream> s, std::shared_ptr<login_server> with) {
        byte_peer peer(std::move(s));
        std::string have;
        for (std::size_t answers = 0;;) {
            const auto more = co_await peer.read();
            if (more.empty()) co_return;
            have += more;
            while (have.size() >= mongodb::header_size) {
                const bytes all(reinterpret_cast<const std::uint8_t*>(have.data()), have.size());
                const auto size = static_cast<std::size_t>(mongodb::read_header(all).length);
                if (have.size() < size) break;
                const auto reply = with->answer(all.first(size));
                have.erase(0, size);
                if (++answers > silent_after) continue;
                std::string data(reinterpret_cast<const char*>(reply.data()), reply.size());
                co_await peer.write(std::move(data));
            }
        }
    }

    std::unique_ptr<listener> listening;
    task_group tasks;
};

awaitable<std::string> who(client& db, call_options options = {}) {
    co_return co_await outcome(db, "demo.who", nullptr, std::move(options));
}

} // namespace

TEST_SUITE("log_in") {

TEST_CASE("a client logs in before its first call, to either kind of server") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        native_site native(ex);
        mongodb_site mongodb(ex);
        for (const auto& to : {native_url, mongodb_url}) {
            client db(ex, to, password());
            CHECK(co_await who(db) == R"("ann")");
            CHECK(co_await who(db) == R"("ann")");
            CHECK(db.address().user == "ann");
            db.close();
        }
        CHECK(native.at.logins == 1);
        CHECK(mongodb.logins() == 1);
        client db(ex, "mongodb://ann:pencil@alpha/demo");
        CHECK(db.address().password == "");
        CHECK(co_await who(db) == R"("ann")");
        db.close();
        co_await native.stop();
        co_await mongodb.stop();
    });
}

TEST_CASE("a wrong password is unauthenticated, also for the calls that come while it backs off") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        const auto ex = io.get_executor();
        native_site native(ex);
        mongodb_site mongodb(ex);
        const std::string at[]{"oocrpc://alpha:9000", "mongodb://alpha:27017"};
        const std::string why[]{"no", "Authentication failed."};
        for (int i = 0; i < 2; ++i) {
            client db(ex, i ? mongodb_url : native_url, password("pen"));
            const auto refusal = "unauthenticated: " + at[i] +
                                 ": the login of 'ann' by SCRAM-SHA-256 failed: the server says "
                                 "unauthenticated: " +
                                 why[i];
            CHECK(co_await who(db) == refusal);
            const auto begun = time.now();
            call_options brief{10ms, {}};
            CHECK(co_await who(db, std::move(brief)) == refusal + " (waiting to connect again)");
            CHECK(time.now() == begun);
            CHECK(co_await who(db) == refusal); // the next attempt's
            CHECK(time.now() - begun >= 25ms);
            CHECK(db.connected() == 0);
            std::string text;
            try {
                auto wrong = password("pen");
                auto none = co_await connect(i ? mongodb_url : native_url, std::move(wrong));
            } catch (const rpc_error& e) {
                text = e.what();
            }
            CHECK(text == refusal);
            db.close();
        }
        co_await native.stop();
        co_await mongodb.stop();
    });
}

TEST_CASE("attempts with a wrong password come at growing distances, however many calls wait") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        mongodb_site mongodb(io.get_executor());
        auto options = password("pen");
        options.backoff = {100ms, 1000ms};
        client db(io.get_executor(), mongodb_url, options);
        const auto begun = time.now();
        while (time.now() - begun < 10s) {
            call_options patient{deadline::none(), {}};
            co_await who(db, std::move(patient));
        }
        CHECK(mongodb.seen.size() >= 10);
        CHECK(mongodb.seen.size() <= 25);
        db.close();
        co_await mongodb.stop();
    });
}

TEST_CASE("a native server that does not know the password, or no login, is refused") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        native_site native(ex);
        const auto refusal = [&]() -> awaitable<std::string> {
            client db(ex, native_url, password());
            auto text = co_await who(db);
            db.close();
            const std::string begin = "unauthenticated: oocrpc://alpha:9000: the login of 'ann' by "
                                      "SCRAM-SHA-256 failed: ";
            if (!text.starts_with(begin)) co_return text;
            co_return text.substr(begin.size());
        };
        const auto spoil = [&](int step, std::string from, std::string to) {
            native.at.spoil = [=](std::string text, int at) {
                const auto found = at == step ? text.find(from) : text.npos;
                return found == text.npos ? text : text.replace(found, from.size(), to);
            };
        };
        spoil(1, "r=", "r=x");
        CHECK(co_await refusal() == "the wrong nonce");
        spoil(1, "i=4096", "i=4095");
        CHECK(co_await refusal() == "too few or too many iterations");
        native.at.spoil = [](std::string text, int at) {
            return at == 2 ? "v=" + std::string(43, 'A') + "=" : text;
        };
        CHECK(co_await refusal() == "the server does not know the password");
        native.at.spoil = nullptr;
        native.at.early = true;
        CHECK(co_await refusal() == "the server has not shown that it knows the password");
        co_await native.stop();

        server plain(ex);
        plain.listen("oocrpc://alpha:9000");
        auto body = plain.run(service("demo"));
        spawned running(ex, std::move(body));
        CHECK(co_await refusal() == "the server knows no login");
        plain.drain();
        while (!running.done) co_await sleep_for(1ms);
    });
}

TEST_CASE("a connection that is lost at any byte of the login is unavailable, and none is left") {
    const auto lose = [](const std::string& to, bool sent, std::size_t n) {
        std::string text;
        run([&](memory_network& net) -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            native_site native(ex);
            mongodb_site mongodb(ex);
            auto alpha = net.host("alpha");
            sent ? alpha.cut_after_sent(n) : alpha.cut_after_received(n);
            client db(ex, to, password());
            text = co_await who(db);
            db.close();
            co_await settle();
            co_await native.stop();
            co_await mongodb.stop();
        });
        return text;
    };
    for (const auto& to : {native_url, mongodb_url})
        for (const bool sent : {false, true}) {
            CAPTURE(to);
            CAPTURE(sent);
            std::size_t lost = 0;
            for (std::size_t n = 0;; n += 29) {
                const auto text = lose(to, sent, n);
                if (text == R"("ann")") break;
                CAPTURE(n);
                CAPTURE(text);
                CHECK(text.starts_with("unavailable: "));
                ++lost;
                REQUIRE(lost < 100);
            }
            CHECK(lost > 5);
        }
}

TEST_CASE("a server that falls silent at a step of the login costs the connect timeout") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        const auto ex = io.get_executor();
        native_site native(ex);
        mongodb_site mongodb(ex);
        for (int step = 1; step <= 2; ++step)
            for (const auto& to : {native_url, mongodb_url}) {
                native.at.silent_at = step;
                mongodb.silent_after = static_cast<std::size_t>(step - 1);
                auto options = password();
                options.connect_timeout = 300ms;
                client db(ex, to, std::move(options));
                const auto begun = time.now();
                const auto text = co_await who(db);
                CHECK(time.now() - begun == 300ms);
                CHECK(text.starts_with("unavailable: "));
                CHECK(text.ends_with("within 300 ms"));
                db.close();
            }
        co_await native.stop();
        co_await mongodb.stop();
    });
}

TEST_CASE("the deadline of a call and its cancel count while the client logs in") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        const auto ex = io.get_executor();
        native_site native(ex);
        mongodb_site mongodb(ex);
        native.at.silent_at = 2;
        mongodb.silent_after = 1;
        for (const auto& to : {native_url, mongodb_url}) {
            client db(ex, to, password());
            const auto begun = time.now();
            call_options brief{20ms, {}};
            CHECK((co_await who(db, std::move(brief))).starts_with("deadline_exceeded: "));
            CHECK(time.now() - begun == 20ms);

            std::string text;
            const auto ask = [&]() -> awaitable<void> { text = co_await who(db); };
            spawned asking(ex, ask());
            co_await settle();
            asking.cancel();
            co_await settle();
            CHECK(asking.done);
            CHECK(text == "cancelled: the caller gave up");
            db.close(); // in the middle of the login
            co_await settle();
        }
        co_await native.stop();
        co_await mongodb.stop();
    });
}

TEST_CASE("a client that connects again logs in again, and hashes once") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        native_site native(ex);
        mongodb_site mongodb(ex);
        for (const auto& to : {native_url, mongodb_url}) {
            client db(ex, to, password());
            for (int round = 0; round < 3; ++round) {
                CHECK(co_await who(db) == R"("ann")");
                net.host("alpha").cut();
                while (db.connected()) co_await settle();
            }
            db.close();
        }
        CHECK(native.at.logins == 3);
        CHECK(mongodb.logins() == 3);
        co_await native.stop();
        co_await mongodb.stop();
    });
}

TEST_CASE("each connection of a pool logs in") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        native_site native(ex);
        mongodb_site mongodb(ex);
        for (const auto& to : {native_url, mongodb_url}) {
            auto options = password();
            options.connections = 3;
            client db(ex, to, std::move(options));
            for (int i = 0; i < 50 && db.connected() < 3; ++i)
                CHECK(co_await who(db) == R"("ann")");
            CHECK(db.connected() == 3);
            db.close();
        }
        CHECK(native.at.logins == 3);
        CHECK(mongodb.logins() == 3);
        co_await native.stop();
        co_await mongodb.stop();
    });
}

TEST_CASE("of several hosts the first that can be reached decides about the login") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        mongodb_site mongodb(ex);
        client db(ex, "mongodb://ann:pen@nowhere,alpha,alpha/demo");
        CHECK((co_await who(db)).starts_with("unauthenticated: mongodb://alpha:27017: "));
        CHECK(mongodb.seen.size() == 1);
        db.close();
        co_await mongodb.stop();
    });
}

TEST_CASE("a server that has no time for logins is unavailable, and tried again") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        login_server::behaviour busy;
        busy.speculates = false;
        busy.busy = 1;
        mongodb_site mongodb(ex, busy);
        client db(ex, mongodb_url, password());
        CHECK((co_await who(db)).starts_with("unavailable: "));
        mongodb.how.busy = 0;
        CHECK(co_await who(db) == R"("ann")");
        db.close();
        co_await mongodb.stop();
    });
}

TEST_CASE("metadata of a client goes along with every call that does not say otherwise") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        native_site native(ex);
        auto options = password();
        options.meta.set("authorization", "Bearer abc");
        client db(ex, native_url, std::move(options));
        CHECK(co_await who(db) == R"("ann")");
        call_options other;
        other.meta.set("authorization", "Bearer xyz");
        CHECK(co_await who(db, other) == R"("ann")");
        other.meta = {{"tenant", "x"}};
        CHECK(co_await who(db, std::move(other)) == R"("ann")");
        std::string sent;
        for (const auto& one : native.at.authorization) sent += one + ";";
        CHECK(sent == "Bearer abc;Bearer abc;Bearer abc;Bearer xyz;Bearer abc;");
        db.close();
        co_await native.stop();
    });
}

} // TEST_SUITE("log_in")
