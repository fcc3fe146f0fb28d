#pragma once

#include <array>
#include <memory>
#include <string>

#include <oocrpc/scram.hpp>
#include <oocrpc/secret.hpp>

namespace oocrpc {

/// Who a client logs in as, and what shows it.
///
/// All connections of a client share one, and with it the keys that were made of the password, so
/// that only the first login hashes. Used by one thread at a time.
struct client_login {
    std::string user; ///< UTF-8; empty only where a certificate names it
    /// Null where a certificate stands for it.
    std::shared_ptr<const secret> password;
    /// "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "MONGODB-X509"; empty: whichever SCRAM the server
    /// has for the user, SHA-256 before SHA-1.
    std::string mechanism;
    std::string source; ///< for MongoDB: the database that knows the user

    /// One login by SCRAM, with the keys of an earlier one. Throws rpc_error(invalid_argument) for
    /// a password that cannot be one, as scram::prepare() does.
    scram::client begin(scram::mechanism m) const;
    /// Keeps the keys of a login that has been answered, for the next one.
    void keep(scram::mechanism m, const scram::client& of);
    /// What is kept; null before the first login.
    const std::shared_ptr<const scram::client_keys>& keys(scram::mechanism m) const noexcept;

  private:
    std::array<std::shared_ptr<const scram::client_keys>, 2> keys_; ///< by mechanism
};

} // namespace oocrpc
