#include "tls_engine.hpp"

#include <algorithm>
#include <climits>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls_names.hpp"
#include <oocrpc/error.hpp>

namespace oocrpc::detail {
namespace {

// Of 16 records: each may be new keys, which take about 10 us.
constexpr std::size_t pieces_of_a_read = 32;

// Where TLS hands over, so that no bytes are copied on their way and none are kept: OpenSSL's own
// buffers in memory never give theirs back.

tls_engine& engine_of(BIO* b) {
    return *static_cast<tls_engine*>(BIO_get_data(b));
}

int bio_read(BIO* b, char* into, int room) {
    BIO_clear_retry_flags(b);
    const int n = engine_of(b).give(into, static_cast<std::size_t>(std::max(room, 0)));
    if (n == 0) BIO_set_retry_read(b);
    return n == 0 ? -1 : n;
}

int bio_write(BIO* b, const char* from, int size) {
    BIO_clear_retry_flags(b);
    return engine_of(b).take(from, static_cast<std::size_t>(std::max(size, 0)));
}

long bio_control(BIO*, int what, long, void*) {
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* bio_method() {
    struct method_free {
        void operator()(BIO_METHOD* m) const noexcept { BIO_meth_free(m); }
    };
    static const auto method = [] {
        std::unique_ptr<BIO_METHOD, method_free> m(
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "oocrpc"));
        BIO_meth_set_read(m.get(), bio_read);
        BIO_meth_set_write(m.get(), bio_write);
        BIO_meth_set_ctrl(m.get(), bio_control);
        return m;
    }();
    return method.get();
}

/// OpenSSL's words, without what they say of versions that alerts do not have.
std::string text_of(unsigned long code) {
    const char* text = ERR_reason_error_string(code);
    const std::string_view reason(text ? text : "unknown error");
    const auto alert = reason.find(" alert ");
    if (alert == reason.npos) return std::string(reason);
    return "the peer refuses: " + std::string(reason.substr(alert + 7));
}

/// Whether the peer says that it does not take our certificate, or wants one.
bool refuses_certificate(int value) {
    switch (ERR_GET_REASON(static_cast<unsigned long>(value)) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

struct category_of_tls final : std::error_category {
    const char* name() const noexcept override { return "oocrpc.tls"; }
    std::string message(int value) const override {
        if (value == static_cast<int>(tls_errc::truncated))
            return "TLS: the peer closed the connection without saying so";
        if (value == static_cast<int>(tls_errc::flooded))
            return "TLS: the peer does not read what it asks for";
        return "TLS: " + text_of(static_cast<unsigned long>(value));
    }
    std::error_condition default_error_condition(int value) const noexcept override {
        if (refuses_certificate(value)) return std::errc::permission_denied;
        return {value, *this};
    }
};

bool is_of_host(int error) {
    return error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

tls_engine& engine_of(X509_STORE_CTX* what) {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(what, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return tls_engine::of(ssl);
}

} // namespace

const std::error_category& tls_category() noexcept {
    static const category_of_tls it;
    return it;
}

tls_engine::tls_engine(std::shared_ptr<const tls_context> context) : context_(std::move(context)) {
    attach();
    SSL_set_accept_state(ssl_.get());
}

tls_engine::tls_engine(std::shared_ptr<const tls_context> context,
                       std::shared_ptr<tls_sessions> sessions, std::string server,
                       const std::string& host, bool check_host)
    : context_(std::move(context)),
      sessions_(std::move(sessions)),
      server_(std::move(server)),
      host_(host) {
    attach();
    auto* ssl = ssl_.get();
    SSL_set_connect_state(ssl);
    auto* rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    // What is no number is a name, which the server is told, too (RFC 6066).
    const bool is_number = X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;
    ERR_clear_error();
    bool ready = is_number || SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
    if (!check_host)
        X509_VERIFY_PARAM_set1_ip(rules, nullptr, 0);
    else if (!is_number)
        ready = ready && X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size()) == 1;
    if (!ready || host.empty())
        throw rpc_error(errc::unavailable, "'" + host + "' cannot be the name of a TLS server");
    sessions_->resume(server_, ssl);
}

tls_engine::~tls_engine() {
    // A session can be resumed although its connection was lost (RFC 5246, 7.2.1).
    if (!failure_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ERR_clear_error();
}

void tls_engine::attach() {
    ssl_.reset(SSL_new(context_->ssl.get()));
    auto* wire = ssl_ ? BIO_new(bio_method()) : nullptr;
    if (!wire) throw std::bad_alloc();
    BIO_set_data(wire, this);
    BIO_set_init(wire, 1);
    SSL_set_bio(ssl_.get(), wire, wire);
    SSL_set_app_data(ssl_.get(), this);
}

tls_engine::outcome tls_engine::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const auto what = result == 1 ? outcome::done : explain(result);
    forget_read();
    return what == outcome::end ? outcome::failed : what;
}

tls_engine::got tls_engine::read(std::span<std::uint8_t> into) {
    got all{outcome::done};
    pieces_left_ = pieces_of_a_read;
    while (all.size < into.size()) {
        ERR_clear_error();
        std::size_t n = 0;
        const int result =
            SSL_read_ex(ssl_.get(), into.data() + all.size, into.size() - all.size, &n);
        all.size += n;
        if (result == 1) continue;
        all.what = explain(result);
        break;
    }
    pieces_left_ = SIZE_MAX;
    forget_read();
    return all;
}

bool tls_engine::has_input() const noexcept {
    return !in.empty() || SSL_has_pending(ssl_.get()) || failed() || peer_ended();
}

bool tls_engine::write(bytes from) {
    ERR_clear_error();
    std::size_t n = 0;
    const int result = SSL_write_ex(ssl_.get(), from.data(), from.size(), &n);
    if (result == 1) return true;
    // There is always room, so that nothing but an error can stop it.
    if (explain(result) != outcome::failed)
        failure_ = std::make_error_code(std::errc::protocol_error);
    return false;
}

void tls_engine::end() {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

bool tls_engine::peer_ended() const noexcept {
    return SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN;
}

tls_engine::outcome tls_engine::explain(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
        return outcome::needs_more;
    case SSL_ERROR_ZERO_RETURN:
        return outcome::end;
    default:
        if (!failure_) {
            const auto code = ERR_peek_error();
            failure_ = code ? std::error_code(static_cast<int>(code & INT_MAX), tls_category())
                            : std::make_error_code(std::errc::protocol_error);
        }
        ERR_clear_error();
        return outcome::failed;
    }
}

std::string tls_engine::reason() const {
    if (!complaint_.empty()) return complaint_;
    if (!failure_) return "the peer closed the connection";
    return failure_.category() == tls_category()
               ? text_of(static_cast<unsigned long>(failure_.value()))
               : failure_.message();
}

tls_info tls_engine::info() const {
    tls_info all;
    all.version = SSL_get_version(ssl_.get());
    all.cipher = SSL_get_cipher_name(ssl_.get());
    all.resumed = SSL_session_reused(ssl_.get()) == 1;
    if (const auto* shown = SSL_get0_peer_certificate(ssl_.get())) {
        all.subject = subject_of(*shown);
        all.names = names_of(*shown);
    }
    return all;
}

tls_engine& tls_engine::of(const SSL* ssl) {
    return *static_cast<tls_engine*>(SSL_get_app_data(ssl));
}

int tls_engine::on_verified(int ok, X509_STORE_CTX* what) {
    if (ok) return 1;
    auto& self = engine_of(what);
    const int error = X509_STORE_CTX_get_error(what);
    const auto* shown = X509_STORE_CTX_get0_cert(what);
    if (!self.complaint_.empty()) return 0;
    if (is_of_host(error) && shown)
        self.complaint_ =
            "the certificate is for " + listed(names_of(*shown)) + ", not for " + self.host_;
    else
        self.complaint_ =
            std::string("the certificate is not accepted: ") + X509_verify_cert_error_string(error);
    return 0;
}

int tls_engine::on_verified_host_only(int ok, X509_STORE_CTX* what) {
    return is_of_host(X509_STORE_CTX_get_error(what)) ? on_verified(ok, what) : 1;
}

int tls_engine::keep(SSL_SESSION* session) {
    if (!sessions_) return 0;
    sessions_->keep(server_, session);
    return 1; // it is ours now
}

int tls_engine::give(char* into, std::size_t room) {
    if (pieces_left_ == 0) return 0;
    --pieces_left_;
    const auto n = std::min({room, in.size() - read_, std::size_t{INT_MAX}});
    if (n) std::memcpy(into, in.data() + read_, n);
    read_ += n;
    return static_cast<int>(n);
}

int tls_engine::take(const char* from, std::size_t size) {
    try {
        out.append(from, size);
    } catch (const std::bad_alloc&) { // OpenSSL knows no exceptions
        return -1;
    }
    return static_cast<int>(size);
}

void tls_engine::forget_read() noexcept {
    in.consume(std::exchange(read_, 0));
}

} // namespace oocrpc::detail
