#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <oocrpc/detail/endian.hpp>

namespace oocrpc::detail {

/// A size has this bit where an int32 in front of the value tells its length, to which the other
/// bits of the size are added.
inline constexpr std::uint8_t counted = 0x80;
/// Of a regular expression, and of types that do not exist.
inline constexpr std::uint8_t irregular = 0xff;

/// The bytes of a value by its type.
inline constexpr auto value_sizes = [] {
    std::array<std::uint8_t, 256> sizes{};
    sizes.fill(irregular);
    for (auto none : {0x06, 0x0a, 0x7f, 0xff}) sizes[static_cast<std::size_t>(none)] = 0;
    for (auto eight : {0x01, 0x09, 0x11, 0x12}) sizes[static_cast<std::size_t>(eight)] = 8;
    sizes[0x07] = 12;
    sizes[0x08] = 1;
    sizes[0x10] = 4;
    sizes[0x13] = 16;
    for (auto text : {0x02, 0x0d, 0x0e}) sizes[static_cast<std::size_t>(text)] = counted | 4;
    for (auto whole : {0x03, 0x04, 0x0f}) sizes[static_cast<std::size_t>(whole)] = counted;
    sizes[0x05] = counted | 5;
    sizes[0x0c] = counted | 16;
    return sizes;
}();

/// What no byte of ASCII has.
inline constexpr std::uint64_t high_bits = 0x8080808080808080u;

/// The high bit of each byte of `word` that is 0, and perhaps of bytes above the lowest of these.
constexpr std::uint64_t zero_bytes(std::uint64_t word) noexcept {
    return (word - 0x0101010101010101u) & ~word & high_bits;
}

/// The length of the name at `p`, which ends with NUL before `end`.
inline std::size_t name_length(const std::uint8_t* p, const std::uint8_t* end) noexcept {
    auto* at = p;
    for (; end - at >= 8; at += 8)
        if (const auto zero = zero_bytes(load_le<std::uint64_t>(at)))
            return static_cast<std::size_t>(at - p) +
                   static_cast<std::size_t>(std::countr_zero(zero)) / 8;
    while (*at) ++at;
    return static_cast<std::size_t>(at - p);
}

/// Whether a name is that one; with the length known, comparing is a load or two.
template <std::size_t N> bool is(std::string_view name, const char (&key)[N]) noexcept {
    return name.size() == N - 1 && std::memcmp(name.data(), key, N - 1) == 0;
}

/// The bytes of the value at `at`, which is of type `t`, in a validated document.
inline std::size_t value_size(std::uint8_t t, const std::uint8_t* at) noexcept {
    const auto size = value_sizes[t];
    if (size < counted) return size;
    if (size != irregular) return (size & ~counted) + std::size_t{load_le<std::uint32_t>(at)};
    if (t != 0x0b) return 0; // of no type that a validated document has
    const auto* text = reinterpret_cast<const char*>(at);
    const auto pattern = std::strlen(text) + 1;
    return pattern + std::strlen(text + pattern) + 1;
}

} // namespace oocrpc::detail
