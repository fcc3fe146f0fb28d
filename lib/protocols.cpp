#include "protocols.hpp"

#include "access_layers.hpp"
#include "detecting_codec.hpp"
#include "mongodb/command_names.hpp"
#include "mongodb/commands.hpp"
#include "mongodb/uri.hpp"
#include "mongodb/uri_options.hpp"
#include <oocrpc/mongodb_client_codec.hpp>
#include <oocrpc/mongodb_server_codec.hpp>
#include <oocrpc/native_codec.hpp>

namespace oocrpc::protocols {
namespace {

[[noreturn]] void unknown(const url& u) {
    throw rpc_error(errc::invalid_argument, "unknown protocol '" + u.protocol + "'");
}

} // namespace

client_options options_for(const url& to, client_options options) {
    if (to.protocol != "mongodb") return options;
    const auto wanted = mongodb::read_options(to);
    if (wanted.connections) options.connections = *wanted.connections;
    if (wanted.connect_timeout) options.connect_timeout = *wanted.connect_timeout;
    if (wanted.call_timeout) options.default_timeout = *wanted.call_timeout;
    auto& tls = options.tls;
    if (wanted.tls_ca) tls.ca = *wanted.tls_ca;
    if (wanted.tls_certificate) {
        tls.certificate = *wanted.tls_certificate;
        tls.key.clear();
    }
    if (wanted.tls_key_password) tls.key_password = *wanted.tls_key_password;
    if (wanted.allow_invalid_certificates)
        tls.allow_invalid_certificates = *wanted.allow_invalid_certificates;
    if (wanted.allow_invalid_hostnames)
        tls.allow_invalid_hostnames = *wanted.allow_invalid_hostnames;
    return options;
}

std::unique_ptr<codec> client_codec(const url& to, const limits& limit,
                                    std::shared_ptr<client_login> who, bool encrypted) {
    if (to.protocol == "oocrpc")
        return std::make_unique<native_codec>(limit.max_message, limit.max_depth);
    if (to.protocol == "mongodb") {
        auto wanted = mongodb::read_options(to);
        mongodb_client_options options;
        options.database = to.database;
        options.application = std::move(wanted.application);
        options.compressors = std::move(wanted.compressors);
        options.login = std::move(who);
        options.encrypted = encrypted;
        return std::make_unique<mongodb_client_codec>(std::move(options), limit.max_message,
                                                      limit.max_depth);
    }
    unknown(to);
}

std::unique_ptr<codec> server_codec(const url& at, const limits& limit) {
    if (at.protocol == "oocrpc") return std::make_unique<detecting_codec>(limit);
    if (at.protocol == "mongodb")
        return std::make_unique<mongodb_server_codec>(limit.max_message, limit.max_depth,
                                                      limit.max_elements);
    unknown(at);
}

void require_listener(const url& at) {
    const auto refuse = [&](const std::string& why) {
        throw rpc_error(errc::invalid_argument, "'" + at.to_string() + "': " + why);
    };
    if (!at.user.empty())
        refuse("a server listens for everybody, the URL of a listener names no user");
    if (at.protocol == "mongodb") mongodb::read_options(at);
    for (const auto& [name, value] : at.options)
        if (!mongodb::asks_for_tls(name))
            refuse("a listener has no option " + name + ", only tls=true and tls=false");
}

handler serving(handler inner, std::shared_ptr<call_registry> registry,
                std::shared_ptr<const access_control> access) {
    if (access) inner = logged_in_first(authorised(std::move(inner), access), access);
    auto all = mongodb::answer_commands(std::move(inner), std::move(registry), {}, access);
    return access ? with_tokens(std::move(all), std::move(access)) : std::move(all);
}

bool reserved(std::string_view method) noexcept {
    const auto dot = method.find('.');
    return mongodb::is_command_name(dot == method.npos ? method : method.substr(dot + 1));
}

} // namespace oocrpc::protocols
