#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <oocrpc/tls_info.hpp>
#include <oocrpc/user_store.hpp>

namespace oocrpc {

/// A login that was tried, for the log. The peer is told no more than that it failed.
struct login_attempt {
    std::string mechanism; ///< `SCRAM-SHA-256`, as it was asked for
    std::string user;      ///< who it claims to be, any UTF-8; empty: it did not come so far
    std::string peer;      ///< the address
    std::string failure;   ///< why it failed; empty: it succeeded
};

struct access_options {
    /// Whose a token is that a call carries as `authorization: Bearer TOKEN` in its metadata;
    /// nothing: nobody's. Called for each such call, on its executor, so it must not block. Null:
    /// tokens are not looked at, and go on to the handlers; who sends one has to log in as others.
    std::function<std::optional<std::string>(std::string_view token)> bearer;
    /// Told of each login; on the connection's executor.
    std::function<void(const login_attempt&)> on_login;
};

/// Who may log in to servers, and what they may call there: for both protocols.
///
/// A server that has one serves nobody before the login, and after it what the user's roles allow.
/// Shared by the servers of all threads; thread-safe.
class access_control {
  public:
    explicit access_control(user_store users, access_options options = {});

    /// Others log in and are allowed from now on; who is logged in stays so, with the rights that
    /// the new users give.
    void replace(user_store users);
    std::shared_ptr<const user_store> users() const;

    bool allows(std::string_view user, std::string_view method) const;
    /// The user that a peer's certificate names: by its subject, `CN=ada,O=Analytical`, or by one
    /// name of its SAN, `email:ada@example.org`. Empty: none that is known.
    std::string user_of(const tls_info& tls) const;
    bool takes_tokens() const noexcept { return options_.bearer != nullptr; }
    /// Empty: nobody's, or no tokens are taken.
    std::string user_of_token(std::string_view token) const;
    void report(const login_attempt& attempt) const;

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const user_store> users_;
    const access_options options_;
};

} // namespace oocrpc
