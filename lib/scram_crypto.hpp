#pragma once

// What SCRAM computes with, from OpenSSL.

#include <memory>
#include <utility>

#include <openssl/types.h>

#include <oocrpc/scram.hpp>

namespace oocrpc::scram {

/// Bytes of a key, a proof, a signature.
std::size_t key_size(mechanism m) noexcept;
std::size_t salt_size(mechanism m) noexcept;

// All throw rpc_error(internal) where OpenSSL refuses, as it does without memory, without entropy,
// or for MD5 where only approved algorithms are allowed.

/// H() of RFC 5802.
secret hash(mechanism m, std::string_view text);
/// HMAC() of RFC 5802.
secret hmac(mechanism m, std::string_view key, std::string_view text);
/// Hi() of RFC 5802.
secret salted(mechanism m, const secret& prepared, std::string_view salt, std::uint32_t iterations);
/// The same in steps, for a loop that has others to serve in between.
class salting {
  public:
    salting(mechanism m, const secret& prepared, std::string_view salt, std::uint32_t iterations);
    /// Hashes as often as that at most; true once it is all done.
    bool go_on(std::uint32_t iterations);
    /// What salted() gives, then.
    secret take() noexcept { return std::move(sum_); }

  private:
    struct freed {
        void operator()(EVP_MAC_CTX* mac) const noexcept;
    };
    void authenticate(std::string_view text, std::string_view rest); // to last_

    std::unique_ptr<EVP_MAC_CTX, freed> mac_; // keyed with the password
    std::uint32_t left_;
    secret last_, sum_;
};
secret md5(std::string_view text);
/// From OpenSSL's generator.
std::string random_bytes(std::size_t n);

/// Whether the password is that of the credentials; `salted` with their salt and iterations.
bool matches(const credentials& c, const secret& salted);

/// Takes as long whatever the bytes are; both must be of one size to be equal.
bool equal(std::string_view a, std::string_view b) noexcept;
/// `a` with the bits flipped that are set in `b`, which must have its size.
secret exclusive_or(std::string_view a, std::string_view b);

std::string to_base64(std::string_view data);
std::optional<std::string> from_base64(std::string_view text);

} // namespace oocrpc::scram
