#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace oocrpc::detail {

// A number and the same bytes in the other order; compilers make one instruction of the loop.
template <class T> constexpr T reversed(T v) noexcept {
    using bits = std::make_unsigned_t<T>;
    bits in = static_cast<bits>(v), out = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        out = static_cast<bits>((static_cast<std::uint64_t>(out) << 8) | (in & 0xff));
        in = static_cast<bits>(static_cast<std::uint64_t>(in) >> 8);
    }
    return static_cast<T>(out);
}

/// Reads a little-endian integer; `at` needs no alignment.
template <class T> T load_le(const void* at) noexcept {
    T v;
    std::memcpy(&v, at, sizeof v);
    if constexpr (std::endian::native == std::endian::big) v = reversed(v);
    return v;
}

/// Writes a little-endian integer; `at` needs no alignment.
template <class T> void store_le(void* at, T v) noexcept {
    if constexpr (std::endian::native == std::endian::big) v = reversed(v);
    std::memcpy(at, &v, sizeof v);
}

/// The same with the most significant byte first.
template <class T> T load_be(const void* at) noexcept {
    return reversed(load_le<T>(at));
}
template <class T> void store_be(void* at, T v) noexcept {
    store_le(at, reversed(v));
}

} // namespace oocrpc::detail
