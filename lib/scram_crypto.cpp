#include "scram_crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <oocrpc/error.hpp>

#include "bson_text.hpp"

namespace oocrpc::scram {
namespace {

const EVP_MD* algorithm(mechanism m) noexcept {
    return m == mechanism::sha_1 ? EVP_sha1() : EVP_sha256();
}

unsigned char* raw(char* p) noexcept {
    return reinterpret_cast<unsigned char*>(p);
}

const unsigned char* raw(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

void require(bool done) {
    if (!done) throw rpc_error(errc::internal, "OpenSSL cannot compute what a login needs");
}

secret digest(const EVP_MD* by, std::string_view text, std::size_t size) {
    secret out(size);
    require(EVP_Digest(text.data(), text.size(), raw(out.data()), nullptr, by, nullptr) == 1);
    return out;
}

} // namespace

std::size_t key_size(mechanism m) noexcept {
    return m == mechanism::sha_1 ? 20 : 32;
}

std::size_t salt_size(mechanism m) noexcept {
    return m == mechanism::sha_1 ? 16 : 28;
}

secret hash(mechanism m, std::string_view text) {
    return digest(algorithm(m), text, key_size(m));
}

secret md5(std::string_view text) {
    return digest(EVP_md5(), text, 16);
}

secret hmac(mechanism m, std::string_view key, std::string_view text) {
    secret out(key_size(m));
    require(HMAC(algorithm(m), key.data(), static_cast<int>(key.size()), raw(text), text.size(),
                 raw(out.data()), nullptr));
    return out;
}

secret salted(mechanism m, const secret& prepared, std::string_view salt,
              std::uint32_t iterations) {
    secret out(key_size(m));
    const auto password = prepared.view();
    require(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt),
                              static_cast<int>(salt.size()), static_cast<int>(iterations),
                              algorithm(m), static_cast<int>(out.size()), raw(out.data())) == 1);
    return out;
}

std::string random_bytes(std::size_t n) {
    std::string out(n, '\0');
    require(RAND_bytes(raw(out.data()), static_cast<int>(n)) == 1);
    return out;
}

bool equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

secret exclusive_or(std::string_view a, std::string_view b) {
    secret out(a);
    for (std::size_t i = 0; i < a.size(); ++i) out.data()[i] = static_cast<char>(a[i] ^ b[i]);
    return out;
}

std::string to_base64(std::string_view data) {
    return bson::to_base64({raw(data), data.size()});
}

std::optional<std::string> from_base64(std::string_view text) {
    const auto data = bson::from_base64(text);
    if (!data) return {};
    return std::string(data->begin(), data->end());
}

} // namespace oocrpc::scram
