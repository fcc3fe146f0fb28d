#pragma once

#include <memory>
#include <string>
#include <vector>

#include <oocrpc/access_control.hpp>
#include <oocrpc/context.hpp>

namespace oocrpc::test {

/// Passwords are the names backwards; few iterations, so that cases take no time.
inline user make_user(const std::string& name, std::vector<std::string> roles,
                      std::vector<scram::mechanism> how = {scram::mechanism::sha_1,
                                                           scram::mechanism::sha_256}) {
    user u{name, std::move(roles)};
    for (const auto m : how) {
        const auto prepared = scram::prepare(m, name, std::string(name.rbegin(), name.rend()));
        u.credentials.push_back(
            scram::make_credentials(m, prepared, scram::least_iterations, scram::make_salt(m)));
    }
    return u;
}

/// ada may call everything, bob only `add`, old logs in by SHA-1 alone, and two come with
/// certificates.
inline user_store make_users() {
    user_store all(std::string(32, 's'));
    all.define("admin", {"*"});
    all.define("adder", {"add", "demo.add"});
    all.add(make_user("ada", {"admin"}));
    all.add(make_user("bob", {"adder"}));
    all.add(make_user("old", {"adder"}, {scram::mechanism::sha_1}));
    all.add({"CN=cy,O=Ltd", {"adder"}});
    all.add({"email:di@example.org", {"adder"}});
    return all;
}

/// What an encrypted connection says of its peer.
inline std::shared_ptr<const tls_info> encrypted(std::string subject = {},
                                                 std::vector<std::string> names = {}) {
    auto info = std::make_shared<tls_info>();
    info->version = "TLSv1.3";
    info->cipher = "TLS_AES_128_GCM_SHA256";
    info->subject = std::move(subject);
    info->names = std::move(names);
    return info;
}

/// Access control that writes down who tried to log in.
struct controlled {
    explicit controlled(access_options options = {}) {
        options.on_login = [this](const login_attempt& a) {
            attempts.push_back(a.mechanism + " " + a.user + ": " +
                               (a.failure.empty() ? "ok" : a.failure));
        };
        access = std::make_shared<access_control>(make_users(), std::move(options));
    }
    controlled(const controlled&) = delete;

    std::vector<std::string> attempts;
    std::shared_ptr<access_control> access;
};

} // namespace oocrpc::test
