#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <openssl/ssl.h>

#include <oocrpc/tls_options.hpp>

namespace oocrpc::detail {

struct ssl_ctx_free {
    void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
};

/// What all connections of one end are made from; does not change. OpenSSL counts references to
/// it, so that connections may outlive it.
struct tls_context {
    std::unique_ptr<SSL_CTX, ssl_ctx_free> ssl;
    std::string digest; ///< of the files
};

// Throw rpc_error(invalid_argument) that says what is wrong with which file.
std::shared_ptr<const tls_context> make_context(const tls_server_options& options);
std::shared_ptr<const tls_context> make_context(const tls_client_options& options);

/// The sessions of a client, by server: a connection that resumes one needs no certificates and
/// less time. Thread-safe.
class tls_sessions {
  public:
    void keep(const std::string& server, SSL_SESSION* session);
    /// Has `ssl` resume the session with that server, where there is one and its certificate is
    /// valid now.
    void resume(const std::string& server, SSL* ssl) const;

  private:
    struct session_free {
        void operator()(SSL_SESSION* s) const noexcept { SSL_SESSION_free(s); }
    };
    mutable std::mutex mutex_;
    std::map<std::string, std::unique_ptr<SSL_SESSION, session_free>> all_;
};

} // namespace oocrpc::detail
