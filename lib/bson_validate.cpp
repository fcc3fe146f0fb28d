#include "bson_validator.hpp"

namespace oocrpc::bson {
namespace {

using detail::high_bits;
using detail::load_le;
using pointer = const std::uint8_t*;

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
    auto end = begin + text.size();
    return is_short_ascii(begin, end) || check_utf8(begin, end) == end;
}

validator::pointer validator::fail(pointer at, std::string_view what) noexcept {
    if (!found()) fault_ = {static_cast<std::size_t>(at - begin_), what};
    return nullptr;
}

validator::pointer validator::text(pointer p, std::string_view not_terminated,
                                   std::string_view not_utf8) noexcept {
    const auto end = p + std::strlen(reinterpret_cast<const char*>(p));
    if (end == end_ - 1) return fail(p, not_terminated);
    if (const auto bad = check_utf8(p, end); bad != end) return fail(bad, not_utf8);
    return end + 1;
}

validator::pointer validator::rare(type t, pointer p, pointer at) noexcept {
    switch (t) {
    case type::code:
    case type::symbol:
        return string(p);
    case type::binary:
        return binary(p);
    case type::db_pointer:
        p = string(p);
        if (p && left(p) < 12) return fail(p, "value is cut off");
        return p ? p + 12 : nullptr;
    case type::regex:
        p = text(p, "regex is not terminated", "regex is not UTF-8");
        return p ? text(p, "regex options are not terminated", "regex options are not UTF-8")
                 : nullptr;
    case type::code_with_scope:
        return code_with_scope(p);
    default:
        return fail(at, "unknown type");
    }
}

validator::pointer validator::binary(pointer p) noexcept {
    if (left(p) < 5) return fail(p, "binary is cut off");
    const auto length = length_at(p);
    if (length < 0) return fail(p, "binary length is negative");
    if (length > left(p) - 5) return fail(p, "binary length exceeds its document");
    if (p[4] == 2 && (length < 4 || length_at(p + 5) != length - 4))
        return fail(p + 5, "inner length of binary subtype 2 is wrong");
    return p + 5 + length;
}

// The scope becomes the next document on the stack; it has to fill the rest of the value.
validator::pointer validator::code_with_scope(pointer p) noexcept {
    const auto start = p;
    if (left(p) < 14) return fail(p, "code with scope is cut off");
    const auto length = length_at(p);
    if (length < 14) return fail(p, "code with scope length is below 14");
    if (length > left(p)) return fail(p, "code with scope length exceeds its document");
    const auto end = start + length;
    p = string(p + 4);
    if (!p) return nullptr;
    if (p > end) return fail(start, "code exceeds the length of code with scope");
    p = open(p, end);
    if (p && end_ != end) return fail(start, "scope does not fill the length of code with scope");
    return p;
}

std::optional<fault> validate(bytes document, std::size_t max_depth,
                              std::size_t max_elements) noexcept {
    return validator(document, max_depth, max_elements).run();
}

} // namespace oocrpc::bson
