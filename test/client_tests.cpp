#include "support/demo_service.hpp"
#include "support/run.hpp"
#include "support/served.hpp"
#include "support/temporary.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/testing/memory_network.hpp>

#include <asio/use_future.hpp>
#if __has_include(<asio/deferred.hpp>)
#include <asio/deferred.hpp>
#else
#include <asio/experimental/deferred.hpp>
namespace asio {
using experimental::deferred;
}
#endif

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;
using testing::memory_network;

namespace {

/// A server that runs beside a case.
struct running_server {
    running_server(const any_io_executor& ex, std::string_view at, handler h = make_demo(),
                   server_options options = {})
        : own(ex, std::move(options)) {
        where = own.listen(at).to_string();
        auto body = own.run(std::move(h));
        run.start(ex, std::move(body));
    }
    awaitable<void> stop() {
        own.drain();
        while (!run.done) co_await sleep_for(1ms);
        CHECK(what(run.error) == "");
    }
    server own;
    std::string where;
    spawned run;
};

awaitable<std::string> try_add(client& db, call_options options = {}) {
    json arguments = json::array({1, 2});
    return outcome(db, "add", std::move(arguments), std::move(options));
}

/// Where the cases about one server find it, in memory.
const std::string alpha = "oocrpc://alpha:9000";

} // namespace

TEST_SUITE("client") {

TEST_CASE("a client connects with its first call and calls over TCP and over a Unix socket") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        temporary_path socket;
        const std::string all[] = {"oocrpc://127.0.0.1:0", socket.url()};
        for (const auto& at : all) {
            running_server s(ex, at);
            client db(ex, s.where);
            CHECK(db.connected() == 0);
            CHECK(co_await db.call(add, 2, 3) == 5);
            CHECK(co_await db.call(slow, 20) == 20);
            CHECK(db.connected() == 1);
            db.close();
            CHECK(co_await try_add(db) == "unavailable: the client is closed");
            co_await s.stop();
        }
    });
}

TEST_CASE("connect() has its connection, or says why not") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::string text;
        try {
            auto none = co_await connect(alpha);
        } catch (const rpc_error& e) {
            text = e.what();
        }
        CHECK(text == "unavailable: " + alpha + ": Host not found (authoritative)");
        try {
            auto bad = co_await connect("nonsense");
        } catch (const rpc_error& e) {
            text = e.message();
        }
        CHECK(text == "invalid_argument");
        running_server s(ex, alpha);
        {
            auto db = co_await connect(alpha);
            CHECK(db.connected() == 1);
        }
        co_await s.stop();
    });
}

TEST_CASE(
    "while nothing listens a call fails at once, unless its deadline allows the next attempt") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        client db(io.get_executor(), alpha);
        auto begun = time.now();
        const auto first = co_await try_add(db);
        CHECK(first == "unavailable: " + alpha + ": Host not found (authoritative)");
        call_options brief{10ms, {}};
        CHECK(co_await try_add(db, std::move(brief)) == first + " (waiting to connect again)");
        CHECK(time.now() == begun);
        // The server comes up before the next attempt, which the default deadline waits for.
        running_server s(io.get_executor(), alpha);
        CHECK(co_await try_add(db) == "3");
        CHECK(time.now() - begun >= 25ms);
        CHECK(time.now() - begun <= 50ms);
        db.close();
        co_await s.stop();
    });
}

TEST_CASE("attempts are made at growing distances, shortened by chance by up to half") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        client_options options;
        options.backoff = {100ms, 1000ms};
        client db(io.get_executor(), alpha, options);
        co_await try_add(db);
        for (auto most : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
            const auto begun = time.now();
            call_options patient{deadline::none(), {}};
            co_await try_add(db, std::move(patient));
            const auto waited =
                std::chrono::duration_cast<std::chrono::milliseconds>(time.now() - begun);
            CHECK(waited >= most / 2);
            CHECK(waited <= most);
        }
        db.close();
    });
}

TEST_CASE("a client finds its server again after a restart") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        client db(ex, alpha);
        for (int i = 0; i < 3; ++i) {
            running_server s(ex, alpha);
            CHECK(co_await try_add(db) == "3");
            co_await s.stop();
            co_await settle();
            CHECK(db.connected() == 0);
        }
        db.close();
    });
}

TEST_CASE("a pool opens as many connections as it may, and spreads the calls") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        running_server s(ex, alpha);
        client_options options;
        options.connections = 3;
        client db(ex, alpha, options);
        for (int i = 0; i < 9; ++i) {
            CHECK(co_await try_add(db) == "3");
            co_await settle();
        }
        CHECK(db.connected() == 3);
        CHECK(s.own.connections() == 3);
        db.close();
        co_await s.stop();
    });
}

TEST_CASE("goaway moves new calls to a new connection while the old one finishes") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto old = std::make_unique<running_server>(ex, alpha);
        client db(ex, alpha);
        std::string slow_outcome;
        auto slow_call = [&]() -> awaitable<void> {
            json ms = json::array({100});
            slow_outcome = co_await outcome(db, "slow", std::move(ms));
        };
        spawned calling(ex, slow_call());
        co_await settle();
        old->own.drain();
        co_await settle();
        running_server fresh(ex, alpha);
        CHECK(co_await try_add(db) == "3");
        CHECK(fresh.own.connections() == 1);
        CHECK(slow_outcome == "");
        co_await sleep_for(200ms);
        CHECK(slow_outcome == "100");
        co_await old->stop();
        db.close();
        co_await fresh.stop();
    });
}

TEST_CASE("an attempt to connect has its own time") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto& time = oocrpc::clock::of(ex);
        net.host("alpha").partition();
        client_options options;
        options.connect_timeout = 300ms;
        client db(ex, alpha, options);
        const auto begun = time.now();
        CHECK(co_await try_add(db) == "unavailable: " + alpha + ": no connection within 300 ms");
        CHECK(time.now() - begun == 300ms);
        db.close();
    });
}

TEST_CASE("where a URL names several hosts the first that can be reached is called") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto& time = oocrpc::clock::of(ex);
        net.host("silent").partition();
        const std::string both = "mongodb://silent:1,alpha:2";
        auto there = listener::open(ex, url::parse("mongodb://alpha:2"));
        client_options options;
        options.connect_timeout = 300ms;
        client db(ex, both + "/x?appName=y", options);
        const auto begun = time.now();
        auto call = [&]() -> awaitable<void> { co_await try_add(db); };
        spawned calling(ex, call());
        co_await there->accept();
        CHECK(time.now() - begun == 300ms);
        db.close();
        there->close();
        co_await settle();
        CHECK(calling.done);

        client none(ex, both, options);
        CHECK(co_await try_add(none) ==
              "unavailable: mongodb://silent:1: no connection within 300 ms; "
              "mongodb://alpha:2: Connection refused");
        none.close();
    });
}

TEST_CASE("a call's deadline may pass while it waits for the connection") {
    run([](memory_network& net) -> awaitable<void> {
        net.host("alpha").partition();
        client db(co_await this_coro::executor, alpha);
        call_options brief{20ms, {}};
        CHECK(co_await try_add(db, std::move(brief)) ==
              "deadline_exceeded: call deadline of 20 ms passed while connecting to " + alpha);
        db.close();
    });
}

TEST_CASE("a call that waits for the connection can be cancelled, and the others wait on") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        net.host("alpha").partition();
        client db(ex, alpha);
        std::string a_outcome, b_outcome;
        auto call = [&](std::string& into) -> awaitable<void> { into = co_await try_add(db); };
        spawned a(ex, call(a_outcome)), b(ex, call(b_outcome));
        co_await settle();
        a.cancel();
        co_await settle();
        CHECK(a_outcome.starts_with("cancelled"));
        CHECK(b_outcome == "");
        db.close();
        co_await settle();
        CHECK(b_outcome == "unavailable: the client is closed");
    });
}

TEST_CASE("destroying a client ends its calls, those under way and those that wait") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        running_server s(ex, alpha);
        auto db = std::make_unique<client>(ex, alpha);
        CHECK(co_await try_add(*db) == "3");
        std::string text;
        auto call = [&]() -> awaitable<void> {
            json ms = json::array({1000});
            text = co_await outcome(*db, "slow", std::move(ms));
        };
        spawned calling(ex, call());
        co_await settle();
        db.reset();
        co_await settle();
        CHECK(text == "unavailable: the client is closed");
        co_await s.stop();
    });
}

TEST_CASE("a call completes whatever token it is made with") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        running_server s(io.get_executor(), alpha);
        client db(io.get_executor(), alpha);
        for (int round = 0; round < 2; ++round) { // not connected yet, then connected
            std::error_code seen = asio::error::eof;
            auto callback = [&](std::error_code ec, message) { seen = ec; };
            call_options a, b, c;
            db.async_call(message::call("oocrpc.ping"), std::move(a), callback);
            auto future =
                db.async_call(message::call("oocrpc.ping"), std::move(b), asio::use_future);
            auto later = db.async_call(message::call("nothing"), std::move(c), asio::deferred);
            std::error_code third;
            std::move(later)([&](std::error_code ec, message) { third = ec; });
            while (future.wait_for(0s) != std::future_status::ready)
                co_await asio::post(use_awaitable);
            co_await settle();
            CHECK(!seen);
            CHECK(future.get().kind == message_kind::reply);
            CHECK(third == errc::no_such_method);
        }
        db.close();
        co_await s.stop();
    });
}

TEST_CASE("notify returns once the call is on its way") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        int told = 0;
        service h{""};
        constexpr method<void(int)> tell{"tell", {"n"}};
        h.on(tell, [&](int n) { told += n; });
        running_server s(ex, alpha, h);
        client db(ex, alpha);
        for (int i = 0; i < 3; ++i) co_await db.notify(tell, 2);
        co_await db.call("oocrpc.ping");
        CHECK(told == 6);
        db.close();
        co_await s.stop();
    });
}

TEST_CASE("a client serves the calls that its server makes") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        service h{""};
        constexpr method<int()> ask_back{"ask_back"};
        h.on(ask_back, [](context& c) -> awaitable<int> {
            peer caller(c);
            co_return co_await caller.call(add, 20, 22);
        });
        running_server s(ex, alpha, h);
        client_options options;
        options.serve = make_demo();
        client db(ex, alpha, options);
        CHECK(co_await db.call(ask_back) == 42);
        db.close();
        co_await s.stop();
    });
}

} // TEST_SUITE("client")
