// TLS as servers and clients use it: URLs, time limits, drains.

#include "support/demo_service.hpp"
#include "support/run.hpp"
#include "support/served.hpp"
#include "support/tls_peers.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/testing/fails.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;
using testing::memory_network;

namespace {

const std::string alpha = "oocrpcs://alpha:9000";

/// A server at alpha, and what it says of handshakes that fail.
struct encrypted_site {
    explicit encrypted_site(any_io_executor e) : ex(std::move(e)), own(ca.issue({})) {
        how.certificate = own->path();
        trusting.tls.ca = ca.ca();
    }

    void serve(const std::string& at = alpha, handler h = make_demo()) {
        options.tls = tls = std::make_shared<tls_server>(how);
        options.on_handshake_failed = [this](const peer_info& who, const rpc_error& why) {
            CHECK(who.address.starts_with("test:"));
            failures.push_back(why.detail());
        };
        options.on_connected = [this](const peer_info& who) { peers.push_back(who); };
        on.emplace(ex, options);
        on->listen(at);
        running.start(ex, on->run(std::move(h)));
    }
    awaitable<void> end() {
        on->drain();
        while (!running.done) co_await sleep_for(1ms);
        CHECK(what(running.error) == "");
    }

    any_io_executor ex;
    authority ca;
    std::unique_ptr<authority::issued> own;
    tls_server_options how;
    server_options options;
    client_options trusting;
    std::shared_ptr<tls_server> tls;
    std::vector<std::string> failures;
    std::vector<peer_info> peers;
    std::optional<server> on;
    spawned running;
};

awaitable<std::string> ask(client& db) {
    json arguments = json::array({2, 3});
    return outcome(db, "add", std::move(arguments));
}

/// A connection to alpha that says nothing.
awaitable<std::unique_ptr<byte_peer>> silent_peer() {
    const auto at = url::parse(alpha);
    auto s = co_await connect_stream(at);
    co_return std::make_unique<byte_peer>(std::move(s));
}

} // namespace

TEST_SUITE("tls_server") {

TEST_CASE("calls of both protocols go over TLS, and a handler sees what it is") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        std::vector<std::string> seen;
        service demo("");
        demo.on(add, [&](context& c, int a, int b) {
            seen.push_back(c.info().tls ? c.info().tls->version : "plain");
            return a + b;
        });
        s.serve(alpha, demo);
        {
            client native(s.ex, alpha, s.trusting);
            CHECK(co_await native.call(add, 2, 3) == 5);
            client mongo(s.ex, "mongodb://alpha:9000/?tls=true&tlsCAFile=" + s.ca.ca());
            CHECK(co_await mongo.call(add, 2, 3) == 5);
            client wrong(s.ex, "mongodb://alpha:9000/?tls=true&tlsInsecure=true");
            CHECK(co_await wrong.call(add, 2, 3) == 5);
        }
        CHECK(seen == std::vector<std::string>(3, "TLSv1.3"));
        co_await s.end();
        CHECK(s.failures.empty());
    });
}

TEST_CASE("a client that has to connect again resumes its session") {
    run([](memory_network& net) -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        {
            client db(s.ex, alpha, s.trusting);
            CHECK(co_await ask(db) == "5");
            net.host("alpha").cut();
            co_await settle();
            CHECK(co_await ask(db) == "5");
        }
        REQUIRE(s.peers.size() == 2);
        CHECK(!s.peers[0].tls->resumed);
        CHECK(s.peers[1].tls->resumed);
        co_await s.end();
    });
}

TEST_CASE("an encrypted listener needs a certificate") {
    run([]() -> awaitable<void> {
        server s(co_await this_coro::executor);
        for (const auto* at : {"oocrpcs://alpha:1", "mongodb://alpha:1/?tls=true"})
            CHECK_THROWS_WITH_AS(
                s.listen(at),
                ("invalid_argument: " + std::string(at) + ": TLS needs a certificate").c_str(),
                rpc_error);
        CHECK(s.addresses().empty());
    });
}

TEST_CASE("a client says why it does not trust, with the URL, and goes to the next host") {
    run([](memory_network& net) -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        net.host("beta");
        const authority other;
        client_options strange;
        strange.tls.ca = other.ca();
        client db(s.ex, alpha, strange);
        CHECK(co_await ask(db) == "unavailable: oocrpcs://alpha:9000: TLS: the certificate is not "
                                  "accepted: certificate signature failure");
        client several(s.ex, "mongodb://beta:9000,alpha:9000/?tls=true&tlsCAFile=" + s.ca.ca());
        CHECK(co_await ask(several) == "5");
        client_options early = s.trusting;
        early.tls.ca = "/no/such.pem";
        CHECK_THROWS_WITH_AS(
            client(s.ex, alpha, early),
            "invalid_argument: cannot read '/no/such.pem': No such file or directory", rpc_error);
        CHECK_NOTHROW(client(s.ex, "oocrpc://alpha:9000", early)); // it needs none
        db.close();
        several.close();
        co_await settle();
        co_await s.end();
    });
}

TEST_CASE("a client that shows no certificate where one is needed is told so with its first call") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.how.clients = client_certificates::required;
        s.how.client_ca = s.ca.ca();
        s.serve();
        client db(s.ex, alpha, s.trusting);
        CHECK(co_await ask(db) == "unauthenticated: TLS: the peer refuses: certificate required");
        const auto own = s.ca.issue({.subject = "ada"});
        s.trusting.tls.certificate = own->path();
        client known(s.ex, alpha, s.trusting);
        CHECK(co_await ask(known) == "5");
        CHECK(s.peers.back().tls->subject == "CN=ada");
        CHECK(s.failures == std::vector<std::string>{"TLS: peer did not return a certificate"});
        db.close();
        known.close();
        co_await s.end();
    });
}

TEST_CASE("who stalls in the handshake is closed after five seconds and keeps nobody waiting") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        auto& time = oocrpc::clock::of(s.ex);
        const auto begin = time.now();
        const auto stalled = co_await silent_peer();
        {
            client db(s.ex, alpha, s.trusting);
            CHECK(co_await ask(db) == "5");
            CHECK(time.now() == begin);
        }
        CHECK(co_await stalled->read() == "");
        CHECK(time.now() - begin == 5s);
        CHECK(s.failures == std::vector<std::string>{"TLS: no handshake within 5000 ms"});
        // A byte now and then makes it no longer.
        const auto slow = co_await silent_peer();
        for (const char c : {'\x16', '\x03', '\x01', '\x02'}) {
            co_await slow->write(std::string(1, c));
            co_await sleep_for(1s);
        }
        CHECK(co_await slow->read() == "");
        CHECK(time.now() - begin == 10s);
        CHECK(s.failures.size() == 2);
        co_await s.end();
    });
}

TEST_CASE("a handshake that ends just within its time is one like any other") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        const auto at = url::parse(alpha);
        auto bytes = co_await connect_stream(at);
        raw_tls_peer slow(std::move(bytes), false, [](SSL_CTX*) {});
        SSL_do_handshake(slow.ssl());
        co_await slow.send();
        co_await sleep_for(4'999ms);
        CHECK(co_await slow.shake() == "");
        co_await sleep_for(1s); // the time of the handshake counts no more
        CHECK(s.failures.empty());
        REQUIRE(s.peers.size() == 1);
        CHECK(s.peers[0].tls->version == "TLSv1.3");
        co_await slow.write(
            testing::frame(R"({"call": {"funcname": "add", "arguments": [2, 3]}})"));
        const auto answer = co_await slow.read();
        CHECK(answer == testing::frame(R"({"reply": 5})"));
        slow.stream().close();
        co_await s.end();
    });
}

TEST_CASE("a peer that reads nothing is given up in time although it asks for new keys") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        std::string why;
        s.options.on_disconnected = [&](const peer_info&, const rpc_error& e) { why = e.detail(); };
        service large("");
        large.on(method<std::string()>{"large", {}}, [] { return std::string(3'000'000, 'x'); });
        s.serve(alpha, large);
        const auto at = url::parse(alpha);
        auto bytes = co_await connect_stream(at);
        raw_tls_peer deaf(std::move(bytes), false, [](SSL_CTX*) {});
        CHECK(co_await deaf.shake() == "");
        co_await deaf.write(testing::frame(R"({"call": {"funcname": "large", "arguments": []}})"));
        auto& time = oocrpc::clock::of(s.ex);
        const auto begin = time.now();
        while (why.empty() && time.now() - begin < 100s) {
            SSL_key_update(deaf.ssl(), SSL_KEY_UPDATE_REQUESTED);
            SSL_do_handshake(deaf.ssl());
            co_await deaf.send();
            co_await sleep_for(1s);
        }
        CHECK(why == "the peer has read nothing for 30000 ms");
        CHECK(time.now() - begin <= 38s);
        co_await s.end();
    });
}

TEST_CASE("the time for a handshake is what the limits say, at either end") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.options.limit.handshake_timeout = 70ms;
        s.serve();
        const auto stalled = co_await silent_peer();
        CHECK(co_await stalled->read() == "");
        CHECK(s.failures == std::vector<std::string>{"TLS: no handshake within 70 ms"});
        co_await s.end();
        // A server that takes connections and says nothing.
        const auto deaf = listener::open(s.ex, url::parse("oocrpcs://beta:9000"));
        s.trusting.limit.handshake_timeout = 80ms;
        client db(s.ex, "oocrpcs://beta:9000", s.trusting);
        CHECK(co_await ask(db) ==
              "unavailable: oocrpcs://beta:9000: TLS: no handshake within 80 ms");
        s.trusting.limit.handshake_timeout = 10s;
        s.trusting.connect_timeout = 90ms;
        client other(s.ex, "oocrpcs://beta:9000", s.trusting);
        CHECK(co_await ask(other) ==
              "unavailable: oocrpcs://beta:9000: no connection within 90 ms");
        db.close();
        other.close();
        deaf->close();
        while (true) { // what was never accepted
            std::unique_ptr<byte_stream> left;
            try {
                left = co_await deaf->accept();
            } catch (const std::system_error&) {
                break;
            }
        }
    });
}

TEST_CASE("a connection that shakes hands counts, and another waits for its place") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.options.max_connections = 1;
        s.serve();
        const auto stalled = co_await silent_peer();
        s.trusting.connect_timeout = s.trusting.limit.handshake_timeout = 10s;
        client db(s.ex, alpha, s.trusting);
        const auto begin = oocrpc::clock::of(s.ex).now();
        CHECK(co_await ask(db) == "5");
        CHECK(oocrpc::clock::of(s.ex).now() - begin >= 4s);
        db.close();
        co_await s.end();
    });
}

TEST_CASE("what is no TLS, and a peer that leaves, are told with their reasons") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        for (const auto* text : {"GET / HTTP/1.1\r\n\r\n", "hello", ""}) {
            const auto p = co_await silent_peer();
            if (*text) co_await p->write(text);
            if (!*text) p->stream().close();
            co_await settle();
        }
        CHECK(s.failures ==
              std::vector<std::string>{"TLS: the peer sent an HTTP request in plain text",
                                       "TLS: the peer does not speak TLS",
                                       "TLS: the peer closed the connection"});
        CHECK(s.peers.empty());
        client plain(s.ex, "oocrpc://alpha:9000");
        CHECK(co_await ask(plain) == "unavailable: the peer closed the connection");
        plain.close();
        co_await s.end();
    });
}

TEST_CASE("one port takes both where it is told to, for either protocol") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.how.plain = plain_peers::accepted;
        s.serve();
        {
            client plain(s.ex, "oocrpc://alpha:9000");
            CHECK(co_await ask(plain) == "5");
            client mongo(s.ex, "mongodb://alpha:9000/");
            CHECK(co_await ask(mongo) == "5");
            client encrypted(s.ex, alpha, s.trusting);
            CHECK(co_await ask(encrypted) == "5");
        }
        REQUIRE(s.peers.size() == 3);
        CHECK(!s.peers[0].tls);
        CHECK(!s.peers[1].tls);
        CHECK(s.peers[2].tls);
        co_await s.end();
    });
}

TEST_CASE("a drain waits for handshakes as for calls, and serves who comes out of one") {
    run([](memory_network& net) -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.options.drain_timeout = 1s;
        s.serve();
        const auto stalled = co_await silent_peer();
        net.host("alpha").delay(50ms);
        client db(s.ex, alpha, s.trusting);
        std::string answer;
        auto call = [&]() -> awaitable<void> { answer = co_await ask(db); };
        spawned calling(s.ex, call());
        co_await sleep_for(220ms); // it is accepted, and shakes hands
        CHECK(!calling.done);
        s.on->drain();
        while (!calling.done) co_await sleep_for(1ms);
        CHECK(answer == "5");
        const auto begin = oocrpc::clock::of(s.ex).now();
        while (!s.running.done) co_await sleep_for(1ms);
        CHECK(oocrpc::clock::of(s.ex).now() - begin <= 1s);
        db.close();
    });
}

TEST_CASE("a server that is destroyed while peers shake hands leaves nothing behind") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        const auto stalled = co_await silent_peer();
        co_await settle();
        s.on.reset();
        co_await settle();
        CHECK(co_await stalled->read() == "");
        CHECK(s.failures.empty());
        CHECK(s.running.done);
    });
}

TEST_CASE("connections go on with the certificate that they began with when it is renewed") {
    run([]() -> awaitable<void> {
        encrypted_site s(co_await this_coro::executor);
        s.serve();
        client before(s.ex, alpha, s.trusting);
        CHECK(co_await ask(before) == "5");
        s.ca.issue_into(s.how.certificate, {.subject = "renewed"});
        s.tls->use(s.tls->read());
        client after(s.ex, alpha, s.trusting);
        CHECK(co_await ask(after) == "5");
        CHECK(co_await ask(before) == "5");
        CHECK(s.peers.size() == 2);
        before.close();
        after.close();
        co_await s.end();
    });
}

} // TEST_SUITE("tls_server")
