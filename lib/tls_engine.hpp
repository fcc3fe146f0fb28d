#pragma once

#include <memory>
#include <span>
#include <string>
#include <system_error>

#include <openssl/ssl.h>

#include <oocrpc/byte_buffer.hpp>
#include <oocrpc/tls_info.hpp>

#include "tls_context.hpp"

namespace oocrpc::detail {

/// How a connection fails beyond what OpenSSL finds wrong with it.
enum class tls_errc : int {
    truncated = 1, ///< the connection ends without the word that TLS has for it
    flooded,       ///< the peer asks for answers that it does not read
};
/// Of tls_errc, and of OpenSSL's errors; std::errc::permission_denied are those by which a peer
/// refuses our certificate.
const std::error_category& tls_category() noexcept;
inline std::error_code make_error_code(tls_errc e) noexcept {
    return {static_cast<int>(e), tls_category()};
}

/// TLS of one connection, without io: bytes of the wire go into `in` and come out of `out`.
class tls_engine {
  public:
    enum class outcome { done, needs_more, end, failed };
    struct got {
        outcome what;
        std::size_t size = 0; ///< bytes that were read, also where `what` is not `done`
    };

    /// The server's end.
    explicit tls_engine(std::shared_ptr<const tls_context> context);
    /// The client's. `host` is what the certificate must name, or empty; `server` is where the
    /// session is kept in `sessions`.
    tls_engine(std::shared_ptr<const tls_context> context, std::shared_ptr<tls_sessions> sessions,
               std::string server, const std::string& host, bool check_host);
    tls_engine(tls_engine&&) = delete;
    ~tls_engine();

    outcome handshake();
    /// Reads until `into` is full: `done`; or nothing is left, or many small records have been
    /// read: `needs_more`, and in the latter case some of `in` is left.
    got read(std::span<std::uint8_t> into);
    /// Whether read() may have something although nothing has come since.
    bool has_input() const noexcept;
    /// Encrypts all of `from` into `out`; false: it has failed.
    bool write(bytes from);
    /// Puts the end of what we send into `out`.
    void end();

    bool shaken() const noexcept { return SSL_is_init_finished(ssl_.get()); }
    bool failed() const noexcept { return static_cast<bool>(failure_); }
    /// Whether the peer has said that it sends no more.
    bool peer_ended() const noexcept;
    std::error_code failure() const noexcept { return failure_; }
    /// Why the handshake failed, for people.
    std::string reason() const;
    /// Once it is shaken.
    tls_info info() const;

    byte_buffer in, out;

    // What OpenSSL calls.
    static tls_engine& of(const SSL* ssl);
    static int on_verified(int ok, X509_STORE_CTX* what);
    static int on_verified_host_only(int ok, X509_STORE_CTX* what);
    int keep(SSL_SESSION* session);
    int give(char* into, std::size_t room);
    int take(const char* from, std::size_t size);

  private:
    struct ssl_free {
        void operator()(SSL* s) const noexcept { SSL_free(s); }
    };
    void attach();
    outcome explain(int result);
    void forget_read() noexcept;

    std::shared_ptr<const tls_context> context_;
    std::shared_ptr<tls_sessions> sessions_;
    std::string server_;
    std::string host_;
    std::size_t read_ = 0;               // bytes of `in` that OpenSSL has taken
    std::size_t pieces_left_ = SIZE_MAX; // that it may take, a head or a body of a record each
    std::error_code failure_;
    std::string complaint_; // about the certificate
    std::unique_ptr<SSL, ssl_free> ssl_;
};

} // namespace oocrpc::detail

template <> struct std::is_error_code_enum<oocrpc::detail::tls_errc> : std::true_type {};
