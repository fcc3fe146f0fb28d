#include "scram_crypto.hpp"

#include <algorithm>
#include <array>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
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
    salting all(m, prepared, salt, iterations);
    all.go_on(iterations);
    return all.take();
}

void salting::freed::operator()(EVP_MAC_CTX* mac) const noexcept {
    EVP_MAC_CTX_free(mac);
}

salting::salting(mechanism m, const secret& prepared, std::string_view salt,
                 std::uint32_t iterations)
    : left_(iterations),
      last_(key_size(m)) {
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr), EVP_MAC_free);
    require(iterations > 0 && hmac);
    mac_.reset(EVP_MAC_CTX_new(hmac.get()));
    require(mac_ != nullptr);
    std::string digest = EVP_MD_get0_name(algorithm(m));
    const std::array<OSSL_PARAM, 2> by{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    const auto password = prepared.empty() ? std::string_view("") : prepared.view(); // not null
    require(EVP_MAC_init(mac_.get(), raw(password), password.size(), by.data()) == 1);
    authenticate(salt, std::string_view("\0\0\0\1", 4));
    sum_ = secret(last_.view());
}

void salting::authenticate(std::string_view text, std::string_view rest) {
    require(EVP_MAC_update(mac_.get(), raw(text), text.size()) == 1 &&
            EVP_MAC_update(mac_.get(), raw(rest), rest.size()) == 1 &&
            EVP_MAC_final(mac_.get(), raw(last_.data()), nullptr, last_.size()) == 1);
    --left_;
}

bool salting::go_on(std::uint32_t iterations) {
    for (auto n = std::min(iterations, left_); n > 0; --n) {
        require(EVP_MAC_init(mac_.get(), nullptr, 0, nullptr) == 1); // with the same key
        authenticate(last_.view(), {});
        for (std::size_t i = 0; i < sum_.size(); ++i)
            sum_.data()[i] = static_cast<char>(sum_.data()[i] ^ last_.data()[i]);
    }
    return left_ == 0;
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
