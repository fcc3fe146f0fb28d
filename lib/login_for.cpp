// Who a client logs in as: the rules of each protocol.

#include "protocols.hpp"

#include "mongodb/uri_options.hpp"
#include <oocrpc/bson.hpp>
#include <oocrpc/user_store.hpp>

namespace oocrpc::protocols {
namespace {

constexpr std::string_view x509 = "MONGODB-X509", plain = "PLAIN", external = "$external";

[[noreturn]] void refuse(const std::string& why) {
    throw rpc_error(errc::invalid_argument, why);
}

bool has_password(const client_login& l) noexcept {
    return l.password && !l.password->empty();
}

void require_password(const client_login& l) {
    if (!has_password(l)) refuse("the user '" + l.user + "' has no password");
}

/// A password that cannot be one is refused at once where it is known how it will be used.
void check_password(const client_login& l, scram::mechanism m) {
    require_password(l);
    l.begin(m);
}

/// Rules of MongoDB's auth.md, which also says where the user is known.
void complete_mongodb(client_login& l, const url& to, bool certificate, std::string source) {
    if (l.mechanism == x509) {
        if (!to.password.empty()) refuse("MONGODB-X509 takes no password");
        l.password = nullptr;
        if (!source.empty() && source != external)
            refuse("authSource of MONGODB-X509 is $external");
        if (!certificate)
            refuse(
                "MONGODB-X509 needs TLS and a certificate of the client (tlsCertificateKeyFile)");
        l.source = external;
        return;
    }
    l.source = !source.empty()        ? std::move(source)
               : !to.database.empty() ? to.database
               : l.mechanism == plain ? std::string(external)
                                      : std::string("admin");
    require_password(l);
    if (l.mechanism == plain && !to.tls)
        refuse("PLAIN sends the password as it is: it needs TLS (tls=true)");
    if (const auto m = scram::mechanism_from_string(l.mechanism)) return check_password(l, *m);
    if (!l.mechanism.empty() && l.mechanism != plain)
        refuse("'" + l.mechanism + "' is no mechanism of a MongoDB client");
}

void complete_native(client_login& l, bool certificate) {
    // Without a password the certificate has to be that of the user.
    if (certificate && !has_password(l) && (l.mechanism.empty() || l.mechanism == x509)) {
        l.mechanism = x509;
        l.password = nullptr;
        return;
    }
    if (l.mechanism.empty()) l.mechanism = to_string(scram::mechanism::sha_256);
    if (l.mechanism != to_string(scram::mechanism::sha_256))
        refuse("users log in by SCRAM-SHA-256, not by '" + l.mechanism + "'");
    check_password(l, scram::mechanism::sha_256);
}

} // namespace

std::shared_ptr<client_login> login_for(const url& to, const client_options& options) {
    auto l = std::make_shared<client_login>();
    l->user = to.user.empty() ? options.user : to.user;
    l->password =
        to.password.empty() ? options.password : std::make_shared<const secret>(to.password);
    l->mechanism = options.mechanism;
    std::string source;
    if (to.protocol == "mongodb") {
        auto said = mongodb::read_options(to);
        if (!said.mechanism.empty()) l->mechanism = std::move(said.mechanism);
        source = std::move(said.source);
    }
    if (l->user.empty() && l->mechanism.empty()) return nullptr;
    if (l->user.empty() && l->mechanism != x509)
        refuse("the mechanism " + l->mechanism + " needs a user");
    if (!bson::is_utf8(l->user) || l->user.find('\0') != l->user.npos ||
        l->user.size() > user_store::max_name)
        refuse("the user is not UTF-8, holds NUL, or has more than 1024 bytes");
    const bool certificate = to.tls && !options.tls.certificate.empty();
    if (to.protocol == "mongodb") {
        complete_mongodb(*l, to, certificate, std::move(source));
    } else {
        complete_native(*l, certificate);
    }
    return l;
}

bool logs_in_by_calls(const url& to) noexcept {
    return to.protocol != "mongodb";
}

} // namespace oocrpc::protocols
