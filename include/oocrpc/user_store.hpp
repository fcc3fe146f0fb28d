#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/scram.hpp>

namespace oocrpc {

/// Somebody who may log in.
struct user {
    std::string name;                    ///< as it is sent: MongoDB compares names byte by byte
    std::vector<std::string> roles = {}; ///< defined in the store
    /// At most one for each mechanism; none for those who come with a certificate or a token.
    std::vector<scram::credentials> credentials = {};
};

/// Who may log in, and what they may call: for both protocols, and whatever it was read from.
///
/// A value. Servers share one that does not change, and a reload puts another in its place.
class user_store {
  public:
    /// Bytes of a user's or role's name.
    static constexpr std::size_t max_name = 1024;
    /// Bytes of the secret.
    static constexpr std::size_t least_secret = 32;

    /// `secret` is what nobody else knows and what stays the same over restarts, since unknown
    /// users are told salts that are made from it. Throws std::invalid_argument where it is short.
    explicit user_store(std::string secret);

    /// Lets those who have the role call the methods of these patterns: `poetry.get_poem` that one,
    /// `demo.*` all of a service but `demo.$cmd`, which is whole commands for a database behind a
    /// proxy, `*` all. Replaces what the role was.
    ///
    /// This and add() throw std::invalid_argument with a sentence that says what is wrong.
    void define(std::string role, std::vector<std::string> patterns);
    /// Replaces the user of that name.
    void add(user u);
    /// False where there is none.
    bool remove(std::string_view name);

    /// Null where there is none; valid until the store changes.
    const user* find(std::string_view name) const;
    /// Whether a role of the user allows the method; false for a user that is not known.
    bool allows(std::string_view name, std::string_view method) const;

    /// For scram::server::lookup: what the user has, or what scram::decoy() makes of the name where
    /// the user is not known or cannot log in this way. Both take the same steps.
    scram::credentials credentials(scram::mechanism m, std::string_view name) const;
    /// How the user can log in with a password; for one that cannot or is not known, as most can.
    std::vector<scram::mechanism> mechanisms(std::string_view name) const;

    template <class T> using by_name = std::map<std::string, T, std::less<>>;
    const by_name<user>& users() const noexcept { return users_; }
    const by_name<std::vector<std::string>>& roles() const noexcept { return roles_; }
    const std::string& secret() const noexcept { return secret_; }

  private:
    std::uint32_t usual_iterations(scram::mechanism m) const;

    std::string secret_;
    by_name<user> users_;
    by_name<std::vector<std::string>> roles_;
    /// For each mechanism, how many users have so many iterations.
    std::array<std::map<std::uint32_t, std::size_t>, 2> iterations_;
};

} // namespace oocrpc
