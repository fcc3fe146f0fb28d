#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <oocrpc/detail/endian.hpp>

namespace oocrpc::detail {

inline constexpr std::uint8_t no_fixed_size = 0xff;

/// The bytes of a value by its type, or no_fixed_size: texts, documents, what does not exist.
inline constexpr auto fixed_sizes = [] {
    std::array<std::uint8_t, 256> sizes{};
    sizes.fill(no_fixed_size);
    for (auto none : {0x06, 0x0a, 0x7f, 0xff}) sizes[static_cast<std::size_t>(none)] = 0;
    for (auto eight : {0x01, 0x09, 0x11, 0x12}) sizes[static_cast<std::size_t>(eight)] = 8;
    sizes[0x07] = 12;
    sizes[0x08] = 1;
    sizes[0x10] = 4;
    sizes[0x13] = 16;
    return sizes;
}();

/// The high bit of each byte of `word` that is 0, and perhaps of bytes above the lowest of these.
constexpr std::uint64_t zero_bytes(std::uint64_t word) noexcept {
    return (word - 0x0101010101010101u) & ~word & 0x8080808080808080u;
}

/// The length of the name at `p`, which ends with NUL before `end`. Most are shorter than a word.
inline std::size_t name_length(const std::uint8_t* p, const std::uint8_t* end) noexcept {
    if (end - p >= 8)
        if (const auto zero = zero_bytes(load_le<std::uint64_t>(p)))
            return static_cast<std::size_t>(std::countr_zero(zero)) / 8;
    return std::strlen(reinterpret_cast<const char*>(p));
}

} // namespace oocrpc::detail
