#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <oocrpc/error.hpp>
#include <oocrpc/testing/scripted_peer.hpp>
#include <oocrpc/tls.hpp>

#include "certificates.hpp"
#include "spawned.hpp"

namespace oocrpc::test {

using testing::byte_peer;

/// Both ends of a connection through the network in memory, before and after they have shaken
/// hands, and why they have not.
struct tls_pair {
    /// Connects to `host`, not yet encrypted.
    awaitable<void> open(std::string host = "alpha") {
        const auto ex = co_await this_coro::executor;
        at = url::parse("oocrpcs://" + host + ":0");
        const auto from = listener::open(ex, at);
        at = from->address();
        there = co_await connect_stream(at);
        here = co_await from->accept();
    }
    awaitable<void> shake(const tls_server& server, const tls_client& client) {
        const auto ex = co_await this_coro::executor;
        spawned accepting(ex, accept(server));
        spawned connecting(ex, connect(client));
        while (!accepting.done || !connecting.done) co_await asio::post(use_awaitable);
    }
    awaitable<void> accept(const tls_server& server) {
        try {
            here = co_await server.accept(std::move(here));
        } catch (const rpc_error& e) {
            server_error = e.detail();
        }
    }
    awaitable<void> connect(const tls_client& client) {
        try {
            there = co_await client.connect(std::move(there), at);
        } catch (const rpc_error& e) {
            client_error = e.detail();
        }
    }

    url at;
    std::unique_ptr<byte_stream> here, there; ///< the server's end, the client's
    std::string server_error, client_error;
};

/// A peer that does what our own ends would not: OpenSSL as a test sets it up, over any stream.
class raw_tls_peer {
  public:
    using set_up = std::function<void(SSL_CTX*)>;
    raw_tls_peer(std::unique_ptr<byte_stream> s, bool server, const set_up& f)
        : bytes_(std::move(s)),
          context_(SSL_CTX_new(TLS_method())) {
        SSL_CTX_set_min_proto_version(context_.get(), 0);
        SSL_CTX_set_security_level(context_.get(), 0);
        f(context_.get());
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        if (server)
            SSL_set_accept_state(ssl_.get());
        else
            SSL_set_connect_state(ssl_.get());
    }

    /// Until the handshake is over; what OpenSSL says where it fails.
    awaitable<std::string> shake() {
        return drive([this] { return SSL_do_handshake(ssl_.get()); });
    }
    /// The next bytes; what OpenSSL says, or "end", where there are none.
    awaitable<std::string> read() {
        std::string text(1 << 14, ' ');
        std::size_t n = 0;
        auto why = co_await drive(
            [&] { return SSL_read_ex(ssl_.get(), text.data(), text.size(), &n) == 1 ? 1 : 0; });
        co_return why.empty() ? text.substr(0, n) : why;
    }
    awaitable<void> write(std::string text) {
        SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
        co_await send();
    }
    /// Sends what OpenSSL has to send.
    awaitable<void> send() {
        char* at = nullptr;
        auto* out = SSL_get_wbio(ssl_.get());
        const auto n = BIO_get_mem_data(out, &at);
        if (n <= 0) co_return;
        std::string data(at, static_cast<std::size_t>(n));
        BIO_reset(out);
        co_await bytes_.write(std::move(data));
    }
    byte_stream& stream() { return bytes_.stream(); }
    SSL* ssl() { return ssl_.get(); }

  private:
    struct free_all {
        void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
        void operator()(SSL* s) const { SSL_free(s); }
    };

    awaitable<std::string> drive(std::function<int()> f) {
        for (;;) {
            ERR_clear_error();
            const int result = f();
            const int what = SSL_get_error(ssl_.get(), result);
            const char* why = ERR_reason_error_string(ERR_peek_error());
            co_await send();
            if (result == 1) co_return "";
            if (what == SSL_ERROR_ZERO_RETURN) co_return "end";
            if (what != SSL_ERROR_WANT_READ) co_return why ? why : "unknown";
            const auto data = co_await bytes_.read();
            if (data.empty()) co_return bytes_.error().message();
            BIO_write(SSL_get_rbio(ssl_.get()), data.data(), static_cast<int>(data.size()));
        }
    }

    byte_peer bytes_;
    std::unique_ptr<SSL_CTX, free_all> context_;
    std::unique_ptr<SSL, free_all> ssl_;
};

} // namespace oocrpc::test
