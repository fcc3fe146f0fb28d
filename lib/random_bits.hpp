#pragma once

#include <cstdint>
#include <random>

namespace oocrpc::detail {

/// 64 bits that nobody can foresee.
inline std::uint64_t random_bits() {
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
}

} // namespace oocrpc::detail
