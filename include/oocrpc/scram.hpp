#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <oocrpc/secret.hpp>

/// SCRAM, the login in which no password travels and each side proves to the other that it knows
/// it: both ends as state machines that are fed messages (RFC 5802, RFC 7677, and what MongoDB adds
/// in auth.md of its specifications).
namespace oocrpc::scram {

enum class mechanism { sha_1, sha_256 };

/// "SCRAM-SHA-1", "SCRAM-SHA-256".
std::string_view to_string(mechanism m) noexcept;
std::optional<mechanism> mechanism_from_string(std::string_view name) noexcept;

/// Bytes of one message; a longer one is malformed.
inline constexpr std::size_t max_message = 4096;
/// Bytes of a password.
inline constexpr std::size_t max_password = 1024;
/// The iterations that a client accepts: fewer make a stolen key cheap to break (RFC 7677), more
/// make it work for whoever claims to be the server, here for half a second or so.
inline constexpr std::uint32_t least_iterations = 4096, most_iterations = 1'000'000;
/// Iterations of new credentials: those of MongoDB, 10,000 and 15,000.
std::uint32_t default_iterations(mechanism m) noexcept;

/// Why a login failed, for the log: the peer is told no more than that it did.
enum class failure {
    none,
    out_of_order,    ///< a message after the last one, or after a failure
    malformed,       ///< not the syntax, too long, not UTF-8
    extension,       ///< asks for an extension (`m=`), and there is none
    channel_binding, ///< asks for one, or the header is not repeated as it was
    authorization,   ///< wants to act as somebody else
    nonce,           ///< not ours, or not lengthened by the server
    iterations,      ///< beyond what a client accepts
    proof,           ///< the password is wrong, or the user unknown
    signature,       ///< the server does not know the password
    refused,         ///< the server says that it is an error
};
std::string_view to_string(failure f) noexcept;

/// What a machine answers to a message: the next message, or why there is none.
struct reply {
    failure why = failure::none;
    std::string message = {}; ///< to be sent; empty when the client is done
    bool ok() const noexcept { return why == failure::none; }
};

/// What a server keeps instead of a password; all but the iterations are bytes.
struct credentials {
    scram::mechanism of = scram::mechanism::sha_256;
    std::uint32_t iterations = 0;
    std::string salt = {}, stored_key = {}, server_key = {};

    /// `SCRAM-SHA-256$15000:<salt>$<stored key>:<server key>`, in base64 (after RFC 5803).
    std::string to_string() const;
    /// Nothing where it is not such a text, or sizes and iterations cannot be.
    static std::optional<credentials> parse(std::string_view text);
    friend bool operator==(const credentials&, const credentials&) = default;
};

/// What is hashed in place of the password: for SHA-256 its SASLprep form (RFC 4013), for SHA-1,
/// as MongoDB wants it, the hexadecimal MD5 of `user:mongo:password`.
///
/// Throws rpc_error(invalid_argument), which does not repeat it, for a password that is empty, too
/// long, not UTF-8, or has characters that SASLprep prohibits, control characters and such.
secret prepare(mechanism m, std::string_view user, std::string_view password);

/// A salt as long as MongoDB's, from the system's generator.
std::string make_salt(mechanism m);
/// 32 characters from the system's generator.
std::string make_nonce();

/// Hashes as often as there are iterations: milliseconds. `prepared` is what prepare() gives.
credentials make_credentials(mechanism m, const secret& prepared, std::uint32_t iterations,
                             std::string salt);
inline credentials make_credentials(mechanism m, const secret& prepared) {
    return make_credentials(m, prepared, default_iterations(m), make_salt(m));
}

/// Credentials for a name that nobody has, made from what only the server knows: always the same
/// for the same name, and of no password, since nobody can tell what their keys are hashes of.
credentials decoy(mechanism m, std::string_view server_secret, std::string_view user,
                  std::uint32_t iterations);

/// What a client makes of password, salt and iterations, which is most of the work of a login.
struct client_keys {
    std::string salt;
    std::uint32_t iterations = 0;
    secret client_key, server_key;
};

/// The end that logs in: first() is sent, then what next() answers to each message of the server
/// until it answers with none. Used by one thread.
class client {
  public:
    /// `prepared` is what prepare() gives, and is overwritten as soon as it is no longer needed.
    /// `known` are the keys() of an earlier login of the same user by the same mechanism with the
    /// same password, or null. The nonce must be new; it is given by tests alone.
    client(mechanism m, std::string_view user, secret prepared,
           std::shared_ptr<const client_keys> known = {}, std::string nonce = make_nonce());

    /// The first message, the same each time.
    std::string first() const;
    /// Hashes at the server's first message, unless the keys are known: milliseconds.
    reply next(std::string_view message);

    /// The server has shown that it knows the password. Until then it has logged us in, or says so.
    bool authenticated() const noexcept { return state_ == state::done; }
    /// To be kept for the next login; null before the server's first message.
    std::shared_ptr<const client_keys> keys() const noexcept { return keys_; }

  private:
    enum class state { first, final, done, failed };
    reply on_first(std::string_view message);
    reply on_final(std::string_view message);

    mechanism mechanism_;
    state state_ = state::first;
    secret prepared_;
    std::shared_ptr<const client_keys> keys_;
    std::string nonce_, first_bare_, signature_;
};

/// The end that is logged in to, for one login: the client's two messages go to next().
///
/// Whatever goes wrong is for good. The empty messages that MongoDB's clients send after the last
/// one, unless they skip them, are not for next(). Used by one thread.
class server {
  public:
    /// The credentials of a user, those of decoy() for one that is not known; asked once, in the
    /// first next().
    using lookup = std::function<credentials(std::string_view user)>;

    /// The nonce must be new; it is given by tests alone.
    server(mechanism m, lookup find, std::string nonce = make_nonce());

    /// Answers a peer's message, whatever is in it; throws what `find` throws.
    reply next(std::string_view message);

    bool authenticated() const noexcept { return state_ == state::done; }
    /// Who it is, once authenticated(); before, who it claims to be, as it was sent: any UTF-8.
    const std::string& user() const noexcept { return user_; }

  private:
    enum class state { first, final, done, failed };
    reply on_first(std::string_view message);
    reply on_final(std::string_view message);

    mechanism mechanism_;
    state state_ = state::first;
    lookup find_;
    std::string nonce_; // the client's and ours, once the client's is known
    std::string user_, header_, first_messages_;
    credentials of_user_;
};

} // namespace oocrpc::scram
