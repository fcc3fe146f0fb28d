#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace oocrpc::detail {

/// The number of the same bytes in the other order.
template <class T> constexpr T reversed(T v) noexcept {
    // g++ 12 makes no single instruction of a loop over the bytes.
    if constexpr (sizeof(T) == 8)
        return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(v)));
    else if constexpr (sizeof(T) == 4)
        return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(v)));
    else if constexpr (sizeof(T) == 2)
        return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(v)));
    else
        return v;
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
