#include "support/passing_stream.hpp"
#include "support/run.hpp"
#include "support/tls_peers.hpp"

#include <fstream>

#include <sys/stat.h>

#include <asio/error.hpp>

#include <oocrpc/error.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using testing::memory_network;

namespace {

tls_client client_of(const std::string& ca, const std::string& certificate = {}) {
    tls_client_options how;
    how.ca = ca;
    how.certificate = certificate;
    return tls_client(how);
}

/// A server and a client that trust one CA, and what else they are to do.
struct site {
    site() : own(ca.issue({})) { serving.certificate = own->path(); }

    tls_server server() const { return tls_server(serving); }
    tls_client client() const { return client_of(ca.ca()); }
    /// The server asks for certificates that the same CA has signed.
    void ask_clients(client_certificates how) {
        serving.clients = how;
        serving.client_ca = ca.ca();
    }

    authority ca;
    std::unique_ptr<authority::issued> own;
    tls_server_options serving;
};

std::string refusal(const tls_server_options& how) {
    try {
        const tls_server refused(how);
    } catch (const rpc_error& e) {
        CHECK(e.code() == errc::invalid_argument);
        return e.detail();
    }
    return "";
}

void write_file(const std::string& path, std::string_view text) {
    std::ofstream(path) << text;
}

std::string pattern(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
}

/// A message of MongoDB's of that length, or its beginning.
std::string message_of_mongodb(std::size_t size) {
    std::string text = pattern(size);
    for (int i = 0; i < 4; ++i, size >>= 8) text[i] = static_cast<char>(size);
    return text;
}

awaitable<std::string> read_all(byte_peer& from, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        const auto more = co_await from.read();
        if (more.empty()) break;
        all += more;
    }
    co_return all;
}

awaitable<void> read_to_end(byte_peer& from) {
    for (;;) {
        const auto some = co_await from.read();
        if (some.empty()) co_return;
    }
}

awaitable<void> write_to(byte_peer& to, std::string text, bool& written) {
    written = co_await to.write(std::move(text));
}

} // namespace

TEST_SUITE("tls") {

TEST_CASE("both ends know what they are encrypted with, and bytes go both ways") {
    run([]() -> awaitable<void> {
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        REQUIRE(c.server_error + c.client_error == "");
        REQUIRE(c.there->tls());
        CHECK(c.there->tls()->version == "TLSv1.3");
        CHECK(c.there->tls()->cipher == "TLS_AES_128_GCM_SHA256");
        CHECK(c.there->tls()->subject == "CN=server");
        CHECK(c.there->tls()->names == std::vector<std::string>{"DNS:alpha"});
        REQUIRE(c.here->tls());
        CHECK(c.here->tls()->subject.empty());
        CHECK(c.there->peer_address() == "alpha:" + std::to_string(c.at.port));
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        CHECK(co_await there.write("question"));
        CHECK(co_await here.read() == "question");
        CHECK(co_await here.write("answer"));
        CHECK(co_await there.read() == "answer");
        there.stream().close();
        CHECK(co_await here.read() == "");
        CHECK(here.error() == asio::error::eof);
    });
}

TEST_CASE("the host must be a name of the certificate, and what its names are is said") {
    const auto outcome = [](authority::wish w, bool check = true) {
        std::string text;
        run([&]() -> awaitable<void> {
            const site s;
            auto serving = s.serving;
            const auto other = s.ca.issue(w);
            serving.certificate = other->path();
            const tls_server server(serving);
            tls_client_options how;
            how.ca = s.ca.ca();
            how.allow_invalid_hostnames = !check;
            const tls_client client(how);
            tls_pair c;
            co_await c.open();
            co_await c.shake(server, client);
            text = c.client_error.substr(0, c.client_error.find(c.at.to_string())) +
                   c.client_error.substr(std::min(c.client_error.size(), c.at.to_string().size()));
            CHECK(c.server_error == (text.empty() ? "" : "TLS: the peer refuses: bad certificate"));
        });
        return text;
    };
    CHECK(outcome({.names = "DNS:alpha"}) == "");
    CHECK(outcome({.names = "DNS:beta,DNS:alpha"}) == "");
    CHECK(outcome({.names = "DNS:beta"}) ==
          ": TLS: the certificate is for DNS:beta, not for alpha");
    CHECK(outcome({.names = "DNS:beta,IP:10.0.0.1,DNS:*.alpha"}) ==
          ": TLS: the certificate is for DNS:beta, IP:10.0.0.1 and DNS:*.alpha, not for alpha");
    // The common name counts for nothing (RFC 6125).
    CHECK(outcome({.subject = "alpha", .names = ""}) ==
          ": TLS: the certificate is for no name, not for alpha");
    CHECK(outcome({.names = "DNS:beta"}, false) == "");
}

TEST_CASE("a number is checked against the numbers of the certificate") {
    run([]() -> awaitable<void> {
        const site s;
        auto serving = s.serving;
        const auto numbered = s.ca.issue({.names = "IP:10.0.0.1,IP:::1"});
        serving.certificate = numbered->path();
        const tls_server server(serving);
        const auto client = s.client();
        for (const auto* host : {"10.0.0.1", "::1", "10.0.0.2"}) {
            tls_pair c;
            co_await c.open();
            c.at.host = host;
            co_await c.shake(server, client);
            CHECK(c.client_error.empty() == (c.at.host != "10.0.0.2"));
            if (c.client_error.empty()) continue;
            CHECK(c.client_error.ends_with(
                "the certificate is for IP:10.0.0.1 and IP:::1, not for 10.0.0.2"));
        }
    });
}

TEST_CASE("a certificate of somebody else's CA is refused, unless the client takes any") {
    run([]() -> awaitable<void> {
        const site s;
        const authority other("another CA");
        const auto server = s.server();
        const auto client = client_of(other.ca());
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        CHECK(c.client_error == c.at.to_string() + ": TLS: the certificate is not accepted: "
                                                   "unable to get local issuer certificate");
        CHECK(c.server_error == "TLS: the peer refuses: unknown ca");
        tls_client_options any;
        any.ca = other.ca();
        any.allow_invalid_certificates = true;
        const tls_client trusting(any);
        tls_pair d;
        co_await d.open();
        co_await d.shake(server, trusting);
        CHECK(d.client_error.empty());
        tls_pair e;
        co_await e.open();
        e.at.host = "beta"; // the host is checked all the same
        co_await e.shake(server, trusting);
        CHECK(e.client_error.ends_with("the certificate is for DNS:alpha, not for beta"));
    });
}

TEST_CASE("a server with an expired certificate is refused") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto old = s.ca.issue({.from = -7200, .until = -3600});
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        raw_tls_peer server(std::move(c.here), true, [&](SSL_CTX* x) {
            SSL_CTX_use_certificate_file(x, old->path().c_str(), SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(x, old->path().c_str(), SSL_FILETYPE_PEM);
        });
        spawned connecting(ex, c.connect(client));
        CHECK(co_await server.shake() == "sslv3 alert certificate expired");
        co_await settle();
        CHECK(c.client_error.ends_with("the certificate is not accepted: certificate has expired"));
    });
}

TEST_CASE("a client shows its certificate where it is asked for one") {
    run([]() -> awaitable<void> {
        site s;
        const auto own = s.ca.issue({.subject = "ada", .names = "email:ada@example.com,URI:x:y"});
        const auto with = client_of(s.ca.ca(), own->path());
        const auto without = s.client();
        for (const auto how : {client_certificates::optional, client_certificates::required}) {
            s.ask_clients(how);
            const auto server = s.server();
            tls_pair c;
            co_await c.open();
            co_await c.shake(server, with);
            REQUIRE(c.server_error == "");
            CHECK(c.here->tls()->subject == "CN=ada");
            CHECK(c.here->tls()->names ==
                  std::vector<std::string>{"email:ada@example.com", "URI:x:y"});
            tls_pair d;
            co_await d.open();
            co_await d.shake(server, without);
            CHECK(d.client_error == ""); // it hears of it with the first byte that it reads
            if (how == client_certificates::optional) {
                CHECK(d.server_error == "");
                CHECK(d.here->tls()->subject == "");
                continue;
            }
            CHECK(d.server_error == "TLS: peer did not return a certificate");
            byte_peer there(std::move(d.there));
            CHECK(co_await there.read() == "");
            CHECK(there.error().message() == "TLS: the peer refuses: certificate required");
        }
    });
}

TEST_CASE(
    "a client's certificate that somebody else signed is refused, also where none is needed") {
    run([]() -> awaitable<void> {
        site s;
        const authority other("another CA");
        const auto own = other.issue({.subject = "eve"});
        const auto client = client_of(s.ca.ca(), own->path());
        for (const auto how : {client_certificates::optional, client_certificates::required}) {
            s.ask_clients(how);
            const auto server = s.server();
            tls_pair c;
            co_await c.open();
            co_await c.shake(server, client);
            CHECK(c.server_error.starts_with("TLS: the certificate is not accepted: "));
        }
        s.serving.clients = client_certificates::off; // nobody asks for it
        const auto server = s.server();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        CHECK(c.server_error == "");
        CHECK(c.here->tls()->subject == "");
    });
}

TEST_CASE("old versions and suites without authentication of the data are refused") {
    const auto outcome = [](const raw_tls_peer::set_up& f) {
        std::string client_says, server_says;
        run([&]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            const site s;
            const auto server = s.server();
            tls_pair c;
            co_await c.open();
            raw_tls_peer client(std::move(c.there), false, f);
            spawned accepting(ex, c.accept(server));
            client_says = co_await client.shake();
            co_await settle();
            CHECK(accepting.done);
            server_says = c.server_error;
        });
        return std::pair(client_says, server_says);
    };
    const auto versions = [&](int least, int most) {
        return outcome([=](SSL_CTX* x) {
            SSL_CTX_set_min_proto_version(x, least);
            SSL_CTX_set_max_proto_version(x, most);
        });
    };
    const auto suites = [&](const char* names) {
        return outcome([=](SSL_CTX* x) {
            SSL_CTX_set_max_proto_version(x, TLS1_2_VERSION);
            REQUIRE(SSL_CTX_set_cipher_list(x, names) == 1);
        });
    };
    CHECK(versions(TLS1_3_VERSION, TLS1_3_VERSION).second == "");
    CHECK(versions(TLS1_2_VERSION, TLS1_2_VERSION).second == "");
    const std::pair<std::string, std::string> too_old{"tlsv1 alert protocol version",
                                                      "TLS: unsupported protocol"};
    CHECK(versions(TLS1_1_VERSION, TLS1_1_VERSION) == too_old);
    CHECK(versions(TLS1_VERSION, TLS1_VERSION) == too_old);
    for (const auto* good : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                             "ECDHE-ECDSA-CHACHA20-POLY1305"})
        CHECK(suites(good).second == "");
    for (const auto* bad : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                            "AECDH-AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM"})
        CHECK(suites(bad).second == "TLS: no shared cipher");
}

TEST_CASE("a peer that renegotiates is refused that") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto server = s.server();
        tls_pair c;
        co_await c.open();
        raw_tls_peer client(std::move(c.there), false, [](SSL_CTX* x) {
            SSL_CTX_set_max_proto_version(x, TLS1_2_VERSION);
            SSL_CTX_set_options(x, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
        });
        spawned accepting(ex, c.accept(server));
        CHECK(co_await client.shake() == "");
        co_await settle();
        byte_peer here(std::move(c.here));
        auto reading = here.read();
        std::string got;
        auto read = [&]() -> awaitable<void> { got = co_await std::move(reading); };
        spawned waiting(ex, read());
        SSL_renegotiate(client.ssl());
        CHECK(co_await client.shake() == "no renegotiation");
        co_await settle();
        // OpenSSL's client takes that for the end of the connection; the server does not.
        CHECK(waiting.done);
        CHECK(here.error().message() == "TLS: the peer refuses: handshake failure");
    });
}

/// A stream that takes no more of what is written once it is told so.
class reluctant final : public passing_stream {
  public:
    using passing_stream::passing_stream;
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        if (!stuck) return passing_stream::write(from, std::move(user));
        waiting_ = std::move(user);
    }
    void close() noexcept override {
        passing_stream::close();
        if (!waiting_) return;
        asio::post(get_executor(), [user = std::exchange(waiting_, nullptr)] {
            user->on_written(asio::error::operation_aborted);
        });
    }
    std::string peer_address() const override { return "reluctant"; }
    bool stuck = false;

  private:
    std::shared_ptr<stream_user> waiting_;
};

TEST_CASE("a peer that asks for new keys again and again, and does not read them, is cut off") {
    for (const bool with_data : {false, true}) // so that no read comes without bytes
        run([with_data]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            const site s;
            const auto server = s.server();
            tls_pair c;
            co_await c.open();
            raw_tls_peer client(std::move(c.there), false, [](SSL_CTX*) {});
            auto below = std::make_unique<reluctant>(std::move(c.here));
            auto& wire = *below;
            c.here = std::move(below);
            spawned accepting(ex, c.accept(server));
            CHECK(co_await client.shake() == "");
            co_await settle();
            wire.stuck = true;
            byte_peer here(std::move(c.here));
            spawned reading(ex, read_to_end(here));
            for (int i = 0; i < 400 && !reading.done; ++i) {
                SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
                SSL_do_handshake(client.ssl());
                if (with_data) SSL_write(client.ssl(), "x", 1);
                co_await client.send();
                co_await settle();
            }
            CHECK(here.error().message() == "TLS: the peer does not read what it asks for");
            here.stream().close();
            co_await settle();
        });
}

TEST_CASE("many small records that come at once are all read, with new keys between them or not") {
    for (const int keys : {0, 1, 50})
        run([keys]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            const site s;
            const auto server = s.server();
            tls_pair c;
            co_await c.open();
            raw_tls_peer client(std::move(c.there), false, [](SSL_CTX*) {});
            spawned accepting(ex, c.accept(server));
            CHECK(co_await client.shake() == "");
            co_await settle();
            byte_peer here(std::move(c.here));
            const auto text = pattern(100);
            for (const char& x : text) {
                for (int i = 0; i < keys; ++i) {
                    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
                    SSL_do_handshake(client.ssl());
                }
                SSL_write(client.ssl(), &x, 1);
            }
            co_await client.send();
            const auto all = co_await read_all(here, text.size());
            CHECK(all == text);
            here.stream().close();
            co_await settle();
        });
}

TEST_CASE("a connection that ends without TLS's word for it is no end of the stream") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto server = s.server();
        tls_pair c;
        co_await c.open();
        raw_tls_peer client(std::move(c.there), false, [](SSL_CTX*) {});
        spawned accepting(ex, c.accept(server));
        CHECK(co_await client.shake() == "");
        co_await client.write("half of a mess");
        client.stream().close();
        co_await settle();
        byte_peer here(std::move(c.here));
        CHECK(co_await here.read() == "half of a mess");
        CHECK(co_await here.read() == "");
        CHECK(here.error().message() == "TLS: the peer closed the connection without saying so");
    });
}

TEST_CASE("what is no TLS is told apart, in what is said of it") {
    const auto outcome = [](std::string text) {
        std::string why;
        run([&]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            const site s;
            const auto server = s.server();
            tls_pair c;
            co_await c.open();
            byte_peer there(std::move(c.there));
            spawned accepting(ex, c.accept(server));
            co_await there.write(std::move(text));
            co_await settle();
            if (!accepting.done) there.stream().close();
            co_await settle();
            REQUIRE(accepting.done);
            why = c.server_error;
        });
        return why;
    };
    using namespace std::string_literals;
    CHECK(outcome("GET / HTTP/1.1\r\n\r\n") == "TLS: the peer sent an HTTP request in plain text");
    CHECK(outcome("\0\0\0\x20\x20\0\0\0"s) == "TLS: the peer does not speak TLS");
    CHECK(outcome("hello") == "TLS: the peer does not speak TLS");
    CHECK(outcome("\x16\x03\x01\xff\xff garbage"s) == "TLS: packet length too long");
    CHECK(outcome("\x16\x03\x01\0\x05\x01\0\0\x01\x41"s) == "TLS: length too short");
    CHECK(outcome("\x16\x03\0\0\x05\x01\0\0\x01\x41"s) == "TLS: length too short");
    CHECK(outcome("\x15\x03\x01\0\x02\x02\x28"s) == "TLS: unexpected message");
    CHECK(outcome("\x16\x03"s) == "TLS: the peer closed the connection");
    CHECK(outcome(message_of_mongodb(0x116)) == "TLS: the peer does not speak TLS");
    CHECK(outcome("") == "TLS: the peer closed the connection");
}

TEST_CASE("a server that answers in plain text is told apart") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        byte_peer here(std::move(c.here));
        spawned connecting(ex, c.connect(client));
        co_await here.write("220 mail.example.com ESMTP");
        co_await settle();
        CHECK(c.client_error == c.at.to_string() + ": TLS: the peer does not speak TLS");
    });
}

TEST_CASE("plain peers are let in where that is asked for, and lose no byte") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        site s;
        s.serving.plain = plain_peers::accepted;
        const auto server = s.server();
        tls_pair c;
        co_await c.open();
        net.host("alpha").split(1);
        byte_peer there(std::move(c.there));
        spawned accepting(ex, c.accept(server));
        co_await there.write("plain question");
        co_await settle();
        REQUIRE(accepting.done);
        CHECK(!c.here->tls());
        byte_peer here(std::move(c.here));
        CHECK(co_await read_all(here, 14) == "plain question");
        CHECK(co_await here.write("plain answer"));
        CHECK(co_await read_all(there, 12) == "plain answer");
        here.stream().close();
        CHECK(co_await there.read() == "");
        CHECK(there.error() == asio::error::eof);
        net.host("alpha").heal();
        const auto client = s.client();
        tls_pair d;
        co_await d.open();
        co_await d.shake(server, client);
        CHECK(d.here->tls());
    });
}

TEST_CASE("a plain message is no TLS because its length begins with the same byte") {
    for (const std::size_t split : {0, 1})
        for (const auto size : {0x115, 0x116, 0x215, 0x1616, 0x315, 0x316}) {
            CAPTURE(size);
            run([&](memory_network& net) -> awaitable<void> {
                const auto ex = co_await this_coro::executor;
                site s;
                s.serving.plain = plain_peers::accepted;
                const auto server = s.server();
                tls_pair c;
                co_await c.open();
                net.host("alpha").split(split);
                byte_peer there(std::move(c.there));
                spawned accepting(ex, c.accept(server));
                const auto text = message_of_mongodb(size);
                auto copy = text;
                co_await there.write(std::move(copy));
                co_await settle();
                REQUIRE(accepting.done);
                REQUIRE(c.server_error == "");
                CHECK(!c.here->tls());
                byte_peer here(std::move(c.here));
                CHECK(co_await read_all(here, text.size()) == text);
                tls_pair d; // nor is TLS, byte by byte, anything else
                co_await d.open();
                const auto client = s.client();
                co_await d.shake(server, client);
                REQUIRE(d.server_error + d.client_error == "");
                CHECK(d.here->tls());
            });
        }
}

TEST_CASE("a session is resumed with the server and the files that gave it, and no others") {
    run([]() -> awaitable<void> {
        site s;
        const auto client = s.client();
        tls_server server(s.serving);
        for (const bool resumed : {false, true, true}) {
            tls_pair c;
            co_await c.open();
            c.at.port = 1; // as if it were the same server
            co_await c.shake(server, client);
            REQUIRE(c.server_error + c.client_error == "");
            CHECK(c.here->tls()->resumed == resumed);
            CHECK(c.there->tls()->resumed == resumed);
            CHECK(c.there->tls()->subject == "CN=server");
            byte_peer here(std::move(c.here)), there(std::move(c.there));
            CHECK(co_await here.write("ticket"));
            CHECK(co_await there.read() == "ticket");
        }
        tls_pair elsewhere;
        co_await elsewhere.open();
        co_await elsewhere.shake(server, client);
        CHECK(!elsewhere.here->tls()->resumed);
        s.ca.issue_into(s.serving.certificate, {});
        server.use(server.read());
        tls_pair later;
        co_await later.open();
        later.at.port = 1;
        co_await later.shake(server, client);
        CHECK(later.server_error == "");
        CHECK(!later.here->tls()->resumed);
    });
}

/// A client that connects twice, and offers the session of its first connection with the second.
struct returning_client {
    explicit returning_client(int v) : version(v) {}
    ~returning_client() { SSL_SESSION_free(session); }

    /// Where it says so, the server's end is in `c` then.
    awaitable<void> connect(tls_pair& c, const tls_server& server, std::string certificate) {
        const auto ex = co_await this_coro::executor;
        co_await c.open();
        raw_tls_peer client(std::move(c.there), false, [&](SSL_CTX* x) {
            SSL_CTX_set_max_proto_version(x, version);
            if (certificate.empty()) return;
            SSL_CTX_use_certificate_file(x, certificate.c_str(), SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(x, certificate.c_str(), SSL_FILETYPE_PEM);
        });
        if (session) SSL_set_session(client.ssl(), session);
        spawned accepting(ex, c.accept(server));
        co_await client.shake();
        co_await settle();
        REQUIRE(accepting.done);
        if (!c.server_error.empty()) co_return;
        info = *c.here->tls();
        byte_peer here(std::move(c.here));
        CHECK(co_await here.write("ticket"));
        CHECK(co_await client.read() == "ticket");
        if (!session) session = SSL_get1_session(client.ssl());
        SSL_shutdown(client.ssl());
    }

    const int version;
    SSL_SESSION* session = nullptr;
    tls_info info;
};

TEST_CASE("either version resumes a session") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        run([version]() -> awaitable<void> {
            const site s;
            const auto server = s.server();
            returning_client client(version);
            for (const bool resumed : {false, true}) {
                tls_pair c;
                co_await client.connect(c, server, "");
                CHECK(c.server_error == "");
                CHECK(client.info.version == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
                CHECK(client.info.resumed == resumed);
            }
        });
}

TEST_CASE("a client's certificate counts for the connection that it was shown on, and no other") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const auto how : {client_certificates::optional, client_certificates::required})
            run([version, how]() -> awaitable<void> {
                site s;
                s.ask_clients(how);
                const auto own = s.ca.issue({.subject = "ada"});
                const auto old = s.ca.issue({.subject = "ada", .from = -7200, .until = -3600});
                const auto server = s.server();
                returning_client client(version);
                tls_pair c, d, e;
                co_await client.connect(c, server, own->path());
                CHECK(c.server_error == "");
                CHECK(client.info.subject == "CN=ada");
                // As after an hour in which it has expired.
                co_await client.connect(d, server, old->path());
                CHECK(d.server_error ==
                      "TLS: the certificate is not accepted: certificate has expired");
                co_await client.connect(e, server, "");
                if (how == client_certificates::required) {
                    CHECK(e.server_error == "TLS: peer did not return a certificate");
                } else {
                    CHECK(e.server_error == "");
                    CHECK(client.info.subject == "");
                    CHECK(!client.info.resumed);
                }
            });
}

TEST_CASE("a client resumes no session of a server whose certificate is not valid now") {
    for (const long from : {-7200, -1800, 1800}) // and an hour from then
        run([from]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            const site s;
            const bool valid = from == -1800;
            const auto shown = s.ca.issue({.from = from, .until = from + 3600});
            tls_client_options how;
            how.ca = s.ca.ca();
            how.allow_invalid_certificates = true; // as if it had been valid at first
            const tls_client client(how);
            for (const bool again : {false, true}) {
                tls_pair c;
                co_await c.open();
                c.at.port = 1;
                raw_tls_peer server(std::move(c.here), true, [&](SSL_CTX* x) {
                    SSL_CTX_use_certificate_file(x, shown->path().c_str(), SSL_FILETYPE_PEM);
                    SSL_CTX_use_PrivateKey_file(x, shown->path().c_str(), SSL_FILETYPE_PEM);
                    std::string keys = pattern(80); // of tickets, the same for both
                    SSL_CTX_set_tlsext_ticket_keys(x, keys.data(), keys.size());
                });
                spawned connecting(ex, c.connect(client));
                CHECK(co_await server.shake() == "");
                co_await settle();
                REQUIRE(c.client_error == "");
                CHECK(c.there->tls()->resumed == (again && valid));
                byte_peer there(std::move(c.there));
                co_await server.write("ticket");
                CHECK(co_await there.read() == "ticket");
            }
        });
}

TEST_CASE("large amounts go both ways at once, over links of all kinds") {
    for (const std::size_t split : {0, 1, 777}) {
        const std::size_t size = split == 1 ? 20'000 : 3'000'000;
        run([&](memory_network& net) -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            const site s;
            const auto server = s.server();
            const auto client = s.client();
            tls_pair c;
            co_await c.open();
            net.host("alpha").split(split);
            co_await c.shake(server, client);
            REQUIRE(c.server_error + c.client_error == "");
            byte_peer here(std::move(c.here)), there(std::move(c.there));
            bool up = false, down = false;
            spawned writing(ex, write_to(there, pattern(size), up));
            spawned answering(ex, write_to(here, pattern(size), down));
            const auto asked = co_await read_all(here, size);
            const auto answered = co_await read_all(there, size);
            CHECK((asked == pattern(size)));
            CHECK((answered == pattern(size)));
            co_await settle();
            CHECK(up);
            CHECK(down);
        });
    }
}

TEST_CASE("a socket that takes a part gets all of it once, in order") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        auto from = listener::open(ex, url::parse("oocrpc://127.0.0.1:0"));
        tls_pair c;
        c.there = co_await connect_stream(from->address());
        c.here = co_await from->accept();
        c.at = url::parse("oocrpcs://alpha:1");
        co_await c.shake(server, client);
        REQUIRE(c.server_error + c.client_error == "");
        const auto all = pattern(16u << 20);
        const bytes text(reinterpret_cast<const std::uint8_t*>(all.data()), all.size());
        // As the connection does it: what is taken at once, then the rest.
        const auto n = c.here->try_write(text);
        CHECK(n > 0);
        REQUIRE(n < all.size());
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        bool written = false;
        // Also where the next piece is smaller than what has been encrypted of it.
        auto write_rest = [&]() -> awaitable<void> {
            for (auto at = n; at < all.size(); at += 10'000) {
                auto piece = all.substr(at, 10'000);
                written = co_await here.write(std::move(piece));
            }
        };
        spawned writing(ex, write_rest());
        const auto got = co_await read_all(there, all.size());
        CHECK((got == all));
        while (!writing.done) co_await settle();
        CHECK(written);
        from->close();
    });
}

TEST_CASE("what a stream holds in memory can be asked for") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        CHECK(here.stream().buffered() <= 8192);
        bool written = false;
        spawned writing(ex, write_to(here, pattern(5'000'000), written));
        co_await settle();
        CHECK(!writing.done);
        CHECK(here.stream().buffered() >= (64 << 10));
        CHECK(here.stream().buffered() < (256 << 10));
        CHECK((co_await read_all(there, 5'000'000) == pattern(5'000'000)));
        co_await settle();
        CHECK(writing.done);
        CHECK(here.stream().buffered() <= 8192);
    });
}

TEST_CASE("what was written before a close arrives, and then the end") {
    run([]() -> awaitable<void> {
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        CHECK(co_await here.write(pattern(100'000)));
        here.stream().close();
        CHECK(co_await read_all(there, 100'000) == pattern(100'000));
        CHECK(co_await there.read() == "");
        CHECK(there.error() == asio::error::eof);
        CHECK(there.stream().hung_up());
    });
}

TEST_CASE("a close does not wait for a peer that does not read, and ends what is under way") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        bool written = true;
        std::string got = "?";
        auto read = [&]() -> awaitable<void> { got = co_await here.read(); };
        spawned writing(ex, write_to(here, pattern(5'000'000), written));
        spawned reading(ex, read());
        co_await settle();
        CHECK(!writing.done);
        here.stream().close();
        co_await settle();
        CHECK(writing.done);
        CHECK(!written);
        CHECK(reading.done);
        CHECK(got == "");
        CHECK(here.error());
        // The peer sees what came, and that it is not all.
        while (!(co_await there.read()).empty()) {
        }
        CHECK(there.error() != asio::error::eof);
    });
}

TEST_CASE("a half close ends one direction") {
    run([]() -> awaitable<void> {
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        CHECK(co_await there.write("question"));
        there.stream().shutdown_send();
        CHECK(co_await here.read() == "question");
        CHECK(co_await here.read() == "");
        CHECK(here.error() == asio::error::eof);
        CHECK(here.stream().hung_up());
        CHECK(co_await here.write("answer"));
        CHECK(co_await there.read() == "answer");
        CHECK(!co_await there.write("more"));
    });
}

TEST_CASE("a handshake that is cancelled closes the connection") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const site s;
        const auto server = s.server();
        const auto client = s.client();
        for (const bool at_server : {true, false}) {
            tls_pair c;
            co_await c.open();
            auto other = std::move(at_server ? c.there : c.here);
            byte_peer silent(std::move(other));
            spawned shaking(ex, at_server ? c.accept(server) : c.connect(client));
            co_await settle();
            CHECK(!shaking.done);
            shaking.cancel();
            co_await settle();
            CHECK(shaking.done);
            CHECK((at_server ? c.server_error : c.client_error) == "");
            while (!(co_await silent.read()).empty()) {
            }
            CHECK(silent.error() == asio::error::eof);
        }
    });
}

TEST_CASE("wherever the connection breaks, both ends are told and nothing stays behind") {
    for (const bool received : {true, false})
        for (std::size_t n = 0; n < 1800; n += 61) {
            CAPTURE(received);
            CAPTURE(n);
            run([&](memory_network& net) -> awaitable<void> {
                const site s;
                const auto server = s.server();
                const auto client = s.client();
                tls_pair c;
                co_await c.open();
                auto host = net.host("alpha");
                if (received)
                    host.cut_after_received(n);
                else
                    host.cut_after_sent(n);
                co_await c.shake(server, client);
                if (!c.server_error.empty() || !c.client_error.empty()) co_return;
                byte_peer here(std::move(c.here)), there(std::move(c.there));
                const auto ex = co_await this_coro::executor;
                bool up = false, down = false;
                spawned writing(ex, write_to(there, pattern(4000), up));
                spawned answering(ex, write_to(here, pattern(4000), down));
                while (!(co_await here.read()).empty()) {
                }
                while (!(co_await there.read()).empty()) {
                }
                CHECK(here.error());
                CHECK(there.error());
            });
        }
}

TEST_CASE("new files are for new connections, and bad ones for none") {
    run([]() -> awaitable<void> {
        site s;
        tls_server server(s.serving);
        const auto client = s.client();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        CHECK(!server.read()); // the same
        s.ca.issue_into(s.serving.certificate, {.subject = "renewed"});
        server.use(server.read());
        CHECK(!server.read());
        tls_pair d;
        co_await d.open();
        co_await d.shake(server, client);
        CHECK(d.there->tls()->subject == "CN=renewed");
        CHECK(c.there->tls()->subject == "CN=server");
        byte_peer here(std::move(c.here)), there(std::move(c.there));
        CHECK(co_await there.write("still here"));
        CHECK(co_await here.read() == "still here");
        write_file(s.serving.certificate, "nothing");
        CHECK_THROWS_AS(server.read(), rpc_error);
        tls_pair e;
        co_await e.open();
        co_await e.shake(server, client);
        CHECK(e.there->tls()->subject == "CN=renewed");
    });
}

TEST_CASE("what is wrong with which file is said") {
    const site s;
    const auto good = s.ca.issue({}), other = s.ca.issue({});
    const auto old = s.ca.issue({.from = -7200, .until = -3600});
    const auto early = s.ca.issue({.from = 3600, .until = 7200});
    const temporary_path empty, broken;
    write_file(empty.path, "");
    write_file(broken.path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const auto with = [](const std::string& certificate, const std::string& key = {}) {
        tls_server_options how;
        how.certificate = certificate;
        how.key = key;
        return refusal(how);
    };
    CHECK(with(good->path()) == "");
    CHECK(with("/no/such.pem") == "cannot read '/no/such.pem': No such file or directory");
    CHECK(with("/tmp") == "cannot read '/tmp': Is a directory");
    CHECK(with(empty.path) == "'" + empty.path + "' holds no certificate in PEM");
    CHECK(with(broken.path) == "'" + broken.path + "': a certificate in it is broken");
    CHECK(with(s.ca.ca()) == "'" + s.ca.ca() + "' holds no private key in PEM");
    CHECK(with(good->path(), other->path()) ==
          "the key '" + other->path() + "' does not match the certificate '" + good->path() + "'");
    CHECK(with(old->path()).starts_with("the certificate '" + old->path() + "' has expired on 2"));
    CHECK(
        with(early->path()).starts_with("the certificate '" + early->path() + "' is valid from 2"));
    const auto open = s.ca.issue({});
    ::chmod(open->path().c_str(), 0640);
    CHECK(with(open->path()) == "");
    ::chmod(open->path().c_str(), 0644);
    CHECK(with(open->path()) == "every user of this machine can read the key '" + open->path() +
                                    "' (its mode is 644): chmod o= it");
    CHECK(with(open->path(), good->path()).starts_with("the key")); // not read for a key
    tls_server_options asking;
    asking.certificate = good->path();
    asking.clients = client_certificates::optional;
    CHECK(refusal(asking) == "certificates of clients need a CA that has signed them");
    asking.client_ca = empty.path;
    CHECK(refusal(asking) == "'" + empty.path + "' holds no certificate in PEM");
    tls_client_options keyed;
    keyed.key = good->path();
    CHECK_THROWS_WITH_AS(
        tls_client{keyed},
        ("invalid_argument: the key '" + good->path() + "' has no certificate").c_str(), rpc_error);
}

TEST_CASE("a key that is encrypted needs its password") {
    run([]() -> awaitable<void> {
        site s;
        s.ask_clients(client_certificates::required);
        const auto own = s.ca.issue({.subject = "ada"});
        own->encrypt("open sesame");
        tls_client_options how;
        how.ca = s.ca.ca();
        how.certificate = own->path();
        const auto refused = [&] {
            try {
                const tls_client none(how);
            } catch (const rpc_error& e) {
                return e.detail();
            }
            return std::string();
        };
        CHECK(refused() ==
              "the key '" + own->path() + "' is encrypted, and there is no password for it");
        how.key_password = "guess";
        CHECK(refused() == "the password does not open the key '" + own->path() + "'");
        how.key_password = "open sesame";
        const tls_client client(how);
        const auto server = s.server();
        tls_pair c;
        co_await c.open();
        co_await c.shake(server, client);
        CHECK(c.here->tls()->subject == "CN=ada");
    });
}

} // TEST_SUITE("tls")
