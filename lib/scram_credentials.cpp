#include <oocrpc/scram.hpp>

#include <algorithm>
#include <array>
#include <charconv>

#include <oocrpc/error.hpp>

#include "saslprep.hpp"
#include "scram_crypto.hpp"

namespace oocrpc::scram {
namespace {

constexpr std::size_t most_salt = 1024;

/// The part of `text` before `end`, which it loses; all of it where there is no `end`.
std::string_view cut(std::string_view& text, char end) {
    const auto at = std::min(text.find(end), text.size());
    const auto part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
}

secret mongodb_digest(std::string_view user, std::string_view password) {
    constexpr std::string_view between = ":mongo:";
    secret all(user.size() + between.size() + password.size());
    char* to = all.data();
    for (const auto part : {user, between, password}) to = std::copy(part.begin(), part.end(), to);
    const auto digest = md5(all.view());
    constexpr std::string_view digits = "0123456789abcdef";
    secret text(digest.size() * 2);
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const auto byte = static_cast<unsigned char>(digest.view()[i]);
        text.data()[2 * i] = digits[byte >> 4];
        text.data()[2 * i + 1] = digits[byte & 15];
    }
    return text;
}

secret stored_key_of(mechanism m, const secret& salted) {
    return hash(m, hmac(m, salted.view(), "Client Key").view());
}

} // namespace

std::string_view to_string(mechanism m) noexcept {
    return m == mechanism::sha_1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256";
}

std::optional<mechanism> mechanism_from_string(std::string_view name) noexcept {
    for (const auto m : {mechanism::sha_1, mechanism::sha_256})
        if (name == to_string(m)) return m;
    return {};
}

std::uint32_t default_iterations(mechanism m) noexcept {
    return m == mechanism::sha_1 ? 10'000 : 15'000;
}

std::string_view to_string(failure f) noexcept {
    constexpr std::array<std::string_view, 11> texts{
        "none",
        "a message out of order",
        "a malformed message",
        "an extension that is not known",
        "channel binding, which is not offered",
        "wants to act as another user",
        "the wrong nonce",
        "too few or too many iterations",
        "wrong password or unknown user",
        "the server does not know the password",
        "refused by the server",
    };
    return texts[static_cast<std::size_t>(f)];
}

secret prepare(mechanism m, std::string_view user, std::string_view password) {
    const auto refuse = [](const char* why) { throw rpc_error(errc::invalid_argument, why); };
    if (password.empty()) refuse("the password is empty");
    if (password.size() > max_password) refuse("the password is longer than 1024 bytes");
    if (m == mechanism::sha_1) return mongodb_digest(user, password);
    auto prepared = saslprep(password);
    if (!prepared || prepared->empty())
        refuse("the password has characters that SASLprep (RFC 4013) does not allow, or is not "
               "UTF-8");
    return std::move(*prepared);
}

std::string make_salt(mechanism m) {
    return random_bytes(salt_size(m));
}

std::string make_nonce() {
    return to_base64(random_bytes(24));
}

credentials make_credentials(mechanism m, const secret& prepared, std::uint32_t iterations,
                             std::string salt) {
    const auto password = salted(m, prepared, salt, iterations);
    const auto stored_key = stored_key_of(m, password);
    const auto server_key = hmac(m, password.view(), "Server Key");
    return {m, iterations, std::move(salt), std::string(stored_key.view()),
            std::string(server_key.view())};
}

bool matches(const credentials& c, const secret& salted) {
    return equal(stored_key_of(c.of, salted).view(), c.stored_key);
}

credentials decoy(mechanism m, std::string_view server_secret, std::string_view user,
                  std::uint32_t iterations) {
    const auto bytes = [&](mechanism by, std::string_view what) {
        std::string text(what);
        text.append(":").append(to_string(m)).append(":").append(user);
        return std::string(hmac(by, server_secret, text).view());
    };
    // SHA-256 for the salt, since SHA-1 salts are cut off all the same.
    return {m, iterations, bytes(mechanism::sha_256, "salt").substr(0, salt_size(m)),
            bytes(m, "stored key"), bytes(m, "server key")};
}

std::string credentials::to_string() const {
    return std::string(scram::to_string(of)) + '$' + std::to_string(iterations) + ':' +
           to_base64(salt) + '$' + to_base64(stored_key) + ':' + to_base64(server_key);
}

std::optional<credentials> credentials::parse(std::string_view text) {
    const auto of = mechanism_from_string(cut(text, '$'));
    if (!of) return {};
    const auto digits = cut(text, ':');
    credentials c{*of};
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), c.iterations);
    const auto salt = from_base64(cut(text, '$'));
    const auto stored_key = from_base64(cut(text, ':'));
    const auto server_key = from_base64(text);
    if (error != std::errc() || end != digits.data() + digits.size() || !salt || !stored_key ||
        !server_key)
        return {};
    if (c.iterations < least_iterations || c.iterations > most_iterations || salt->empty() ||
        salt->size() > most_salt || stored_key->size() != key_size(*of) ||
        server_key->size() != key_size(*of))
        return {};
    c.salt = *salt;
    c.stored_key = *stored_key;
    c.server_key = *server_key;
    return c;
}

} // namespace oocrpc::scram
