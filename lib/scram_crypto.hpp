#pragma once

// What SCRAM computes with, from OpenSSL.

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
secret md5(std::string_view text);
/// From OpenSSL's generator.
std::string random_bytes(std::size_t n);

/// Takes as long whatever the bytes are; both must be of one size to be equal.
bool equal(std::string_view a, std::string_view b) noexcept;
/// `a` with the bits flipped that are set in `b`, which must have its size.
secret exclusive_or(std::string_view a, std::string_view b);

std::string to_base64(std::string_view data);
std::optional<std::string> from_base64(std::string_view text);

} // namespace oocrpc::scram
