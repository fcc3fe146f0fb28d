#include "crc32c.hpp"

#include <array>

#include <oocrpc/detail/endian.hpp>

namespace oocrpc::mongodb {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78; // reflected
constexpr std::size_t width = 8;                 // bytes a step

// tables[k][b]: what the byte b contributes with k bytes behind it.
using tables = std::array<std::array<std::uint32_t, 256>, width>;

constexpr tables make_tables() {
    tables t{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        auto sum = b;
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? polynomial : 0);
        t[0][b] = sum;
    }
    for (std::size_t k = 1; k < width; ++k)
        for (std::size_t b = 0; b < 256; ++b) {
            const auto before = t[k - 1][b];
            t[k][b] = before >> 8 ^ t[0][before & 0xff];
        }
    return t;
}
constexpr tables table = make_tables();

} // namespace

std::uint32_t crc32c(bytes data) noexcept {
    std::uint32_t sum = ~std::uint32_t{0};
    for (; data.size() >= width; data = data.subspan(width)) {
        const auto word = detail::load_le<std::uint64_t>(data.data()) ^ sum;
        sum = 0;
        for (std::size_t i = 0; i < width; ++i) sum ^= table[width - 1 - i][word >> (8 * i) & 0xff];
    }
    for (const auto b : data) sum = sum >> 8 ^ table[0][(sum ^ b) & 0xff];
    return ~sum;
}

} // namespace oocrpc::mongodb
