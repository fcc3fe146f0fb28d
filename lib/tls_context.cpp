#include "tls_context.hpp"

#include <optional>

#include <openssl/err.h>

#include "tls_engine.hpp"
#include "tls_files.hpp"
#include <oocrpc/error.hpp>

namespace oocrpc::detail {
namespace {

// AEAD and forward secrecy; of TLS 1.3 there are no others.
constexpr char suites_of_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";
constexpr char suites_of_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// How long a session can be resumed, in seconds.
constexpr long session_time = 3600;
constexpr unsigned char session_context[] = "oocrpc";

[[noreturn]] void refuse(const std::string& why) {
    ERR_clear_error();
    throw rpc_error(errc::invalid_argument, why);
}

std::shared_ptr<tls_context> new_context(const SSL_METHOD* method) {
    auto made = std::make_shared<tls_context>();
    made->ssl.reset(SSL_CTX_new(method));
    auto* c = made->ssl.get();
    if (!c || SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c, suites_of_1_2) != 1 ||
        SSL_CTX_set_ciphersuites(c, suites_of_1_3) != 1)
        refuse("OpenSSL cannot do TLS as it is set up here");
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_timeout(c, session_time);
    return made;
}

/// The certificate with its key, and the file of each that was read.
class identity {
  public:
    identity(const std::string& certificate, const std::string& key, const std::string& password)
        : certificate_(certificate) {
        if (!key.empty() && key != certificate) key_.emplace(key);
        password_ = &password;
    }

    void use_in(SSL_CTX* c) const {
        const auto chain = certificate_.certificates();
        for (const auto& one : chain) require_valid_now(*one, certificate_.path());
        const auto& key_file = key_ ? *key_ : certificate_;
        const auto key = key_file.key(*password_);
        if (X509_check_private_key(chain.front().get(), key.get()) != 1)
            refuse("the key '" + key_file.path() + "' does not match the certificate '" +
                   certificate_.path() + "'");
        if (SSL_CTX_use_certificate(c, chain.front().get()) != 1 ||
            SSL_CTX_use_PrivateKey(c, key.get()) != 1)
            refuse("the certificate '" + certificate_.path() + "' cannot be used: " + reason());
        for (std::size_t i = 1; i < chain.size(); ++i)
            if (SSL_CTX_add1_chain_cert(c, chain[i].get()) != 1)
                refuse("the chain of '" + certificate_.path() + "' cannot be used: " + reason());
    }
    std::vector<const pem_file*> files() const {
        std::vector<const pem_file*> all{&certificate_};
        if (key_) all.push_back(&*key_);
        return all;
    }

  private:
    static std::string reason() {
        const char* text = ERR_reason_error_string(ERR_peek_last_error());
        return text ? text : "unknown";
    }

    pem_file certificate_;
    std::optional<pem_file> key_;
    const std::string* password_;
};

/// What the CAs of that file have signed is trusted from now on; `tell_clients`: they are told
/// whose certificates are asked for.
void trust(SSL_CTX* c, const pem_file& ca, bool tell_clients) {
    auto* store = SSL_CTX_get_cert_store(c);
    for (const auto& one : ca.certificates()) {
        if (X509_STORE_add_cert(store, one.get()) != 1)
            refuse("'" + ca.path() + "': a certificate in it cannot be used");
        if (tell_clients) SSL_CTX_add_client_CA(c, one.get());
    }
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
    return tls_engine::of(ssl).keep(session);
}

} // namespace

std::shared_ptr<const tls_context> make_context(const tls_server_options& options) {
    static const std::string no_password;
    auto made = new_context(TLS_server_method());
    auto* c = made->ssl.get();
    const identity own(options.certificate, options.key, no_password);
    own.use_in(c);
    auto files = own.files();
    std::optional<pem_file> ca;
    if (options.clients != client_certificates::off) {
        if (options.client_ca.empty())
            refuse("certificates of clients need a CA that has signed them");
        trust(c, ca.emplace(options.client_ca), true);
        files.push_back(&*ca);
        int mode = SSL_VERIFY_PEER;
        if (options.clients == client_certificates::required)
            mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        SSL_CTX_set_verify(c, mode, tls_engine::on_verified);
        // A session would bring back a certificate that may have expired meanwhile, and each new
        // ticket would make that last longer.
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(c, 0);
    }
    made->digest = digest_of(files);
    // A ticket holds the whole session, so that nothing is kept here. Its keys belong to this
    // context: what other files allow is not resumed.
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(c, session_context, sizeof(session_context) - 1);
    return made;
}

std::shared_ptr<const tls_context> make_context(const tls_client_options& options) {
    auto made = new_context(TLS_client_method());
    auto* c = made->ssl.get();
    if (!options.ca.empty())
        trust(c, pem_file(options.ca), false);
    else if (SSL_CTX_set_default_verify_paths(c) != 1)
        refuse("the certificates that the system trusts cannot be read");
    if (options.certificate.empty() && !options.key.empty())
        refuse("the key '" + options.key + "' has no certificate");
    if (!options.certificate.empty())
        identity(options.certificate, options.key, options.key_password).use_in(c);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER,
                       options.allow_invalid_certificates ? tls_engine::on_verified_host_only
                                                          : tls_engine::on_verified);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, keep_session);
    return made;
}

void tls_sessions::keep(const std::string& server, SSL_SESSION* session) {
    std::lock_guard lock(mutex_);
    all_[server].reset(session);
}

void tls_sessions::resume(const std::string& server, SSL* ssl) const {
    std::lock_guard lock(mutex_);
    const auto at = all_.find(server);
    if (at == all_.end()) return;
    // Who resumes shows no certificate that would be verified.
    const auto* shown = SSL_SESSION_get0_peer(at->second.get());
    if (shown && is_valid_now(*shown)) SSL_set_session(ssl, at->second.get());
}

} // namespace oocrpc::detail
