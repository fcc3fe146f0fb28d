#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include <oocrpc/limits.hpp>
#include <oocrpc/stream.hpp>
#include <oocrpc/tls_options.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc {

namespace detail {
struct tls_context;
class tls_sessions;
} // namespace detail

// TLS 1.2 and 1.3 (RFC 5246, RFC 8446) by OpenSSL, with AEAD suites and forward secrecy only,
// without renegotiation and compression. Sessions are resumed by tickets, where clients are not
// asked for certificates.

/// The server's end of TLS: its certificate, and what it asks of clients.
///
/// Shared by the servers of all threads; thread-safe.
class tls_server {
  public:
    /// Reads the files. Throws rpc_error(invalid_argument) that says what is wrong with which: it
    /// cannot be read, the certificate has expired, the key is another one's.
    explicit tls_server(tls_server_options options);
    ~tls_server();
    tls_server(const tls_server&) = delete;

    /// What was read from the files, in use or to be used.
    using certificates = std::shared_ptr<const detail::tls_context>;
    /// Reads the files again, which may have been renewed under their names; null where they are
    /// the same. Throws as the constructor does; what is in use stays.
    certificates read() const;
    /// Connections that come from now on get these, unless they are null; those that are there keep
    /// what they have.
    void use(certificates next);

    /// Makes an encrypted stream of a connection that was accepted. Throws rpc_error(unavailable)
    /// with the reason, also when the handshake takes longer than `within`; then, and where it is
    /// cancelled, the connection is closed. Where plain peers are accepted, it returns their
    /// streams as they are.
    awaitable<std::unique_ptr<byte_stream>>
    accept(std::unique_ptr<byte_stream> bytes,
           std::chrono::milliseconds within = limits().handshake_timeout) const;
    /// Whether nobody gets in without a certificate of its own.
    bool requires_certificates() const noexcept {
        return options_.clients == client_certificates::required &&
               options_.plain == plain_peers::refused;
    }

  private:
    certificates current() const;

    const tls_server_options options_;
    mutable std::mutex mutex_;
    certificates current_;
};

/// The client's end of TLS: whom it trusts, its own certificate, and the sessions to resume, one
/// for each server that it has connected to. Thread-safe.
class tls_client {
  public:
    /// Throws as tls_server does.
    explicit tls_client(const tls_client_options& options);
    ~tls_client();
    tls_client(const tls_client&) = delete;

    /// Makes an encrypted stream of a connection to `to`, whose host the certificate must name, in
    /// its SAN. Otherwise as tls_server::accept(); what it throws says the URL, too.
    awaitable<std::unique_ptr<byte_stream>>
    connect(std::unique_ptr<byte_stream> bytes, url to,
            std::chrono::milliseconds within = limits().handshake_timeout) const;

  private:
    const bool check_host_;
    std::shared_ptr<const detail::tls_context> context_;
    std::shared_ptr<detail::tls_sessions> sessions_;
};

} // namespace oocrpc
