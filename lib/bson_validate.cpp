#include "bson_validator.hpp"

namespace oocrpc::bson {
namespace {

using detail::load_le;
using pointer = const std::uint8_t*;

constexpr std::uint64_t high_bits = 0x8080808080808080u;

// One sequence of two to four bytes; null if it is none. The ranges of the second byte are the
// table 3-7 of the Unicode standard: they exclude overlong forms, surrogates and above U+10FFFF.
pointer skip_sequence(pointer p, pointer end) noexcept {
    auto lead = *p;
    auto follows = [](std::uint8_t byte) { return (byte & 0xc0) == 0x80; };
    if (lead >= 0xc2 && lead <= 0xdf) return end - p >= 2 && follows(p[1]) ? p + 2 : nullptr;
    if (lead >= 0xe0 && lead <= 0xef) {
        auto low = lead == 0xe0 ? 0xa0 : 0x80, high = lead == 0xed ? 0x9f : 0xbf;
        return end - p >= 3 && p[1] >= low && p[1] <= high && follows(p[2]) ? p + 3 : nullptr;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        auto low = lead == 0xf0 ? 0x90 : 0x80, high = lead == 0xf4 ? 0x8f : 0xbf;
        return end - p >= 4 && p[1] >= low && p[1] <= high && follows(p[2]) && follows(p[3])
                   ? p + 4
                   : nullptr;
    }
    return nullptr;
}

} // namespace

const std::uint8_t* check_utf8(const std::uint8_t* p, const std::uint8_t* end) noexcept {
    for (;;) {
        while (end - p >= 32) {
            auto any = load_le<std::uint64_t>(p) | load_le<std::uint64_t>(p + 8) |
                       load_le<std::uint64_t>(p + 16) | load_le<std::uint64_t>(p + 24);
            if (any & high_bits) break;
            p += 32;
        }
        while (end - p >= 8 && !(load_le<std::uint64_t>(p) & high_bits)) p += 8;
        while (p != end && *p < 0x80) ++p;
        // Text beyond ASCII tends to stay beyond it, so try the words again only after a run.
        while (p != end && *p >= 0x80) {
            auto next = skip_sequence(p, end);
            if (!next) return p;
            p = next;
        }
        if (p == end) return p;
    }
}

bool is_utf8(std::string_view text) noexcept {
    auto begin = reinterpret_cast<pointer>(text.data());
    return check_utf8(begin, begin + text.size()) == begin + text.size();
}

std::optional<fault> validate(bytes document, std::size_t max_depth) noexcept {
    return validator(document, max_depth).run();
}

} // namespace oocrpc::bson
