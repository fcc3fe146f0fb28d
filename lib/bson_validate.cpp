#include <oocrpc/bson.hpp>
#include <oocrpc/detail/bson_layout.hpp>

#include <array>
#include <bit>

namespace oocrpc::bson {
namespace {

using detail::load_le;
using pointer = const std::uint8_t*;

constexpr std::size_t most_depth = 200;
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

// The first byte that does not belong to UTF-8, or `end`.
pointer check_utf8(pointer p, pointer end) noexcept {
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

class validator {
  public:
    validator(bytes document, std::size_t max_depth) noexcept
        : begin_(document.data()),
          p_(begin_),
          end_(begin_ + document.size()),
          max_depth_(max_depth < most_depth ? max_depth : most_depth) {}

    std::optional<fault> run() noexcept {
        auto given = end_;
        if (!open(given)) return fault_;
        if (end_ != given) return fault{0, "document length is not the number of bytes given"};
        while (depth_ != 0)
            if (!step()) return fault_;
        return {};
    }

  private:
    bool fail(pointer at, std::string_view what) noexcept {
        fault_ = {static_cast<std::size_t>(at - begin_), what};
        return false;
    }

    // Bytes that are left for the values of the innermost document, its final NUL not counted.
    std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - 1 - p_); }

    // Enters the document that begins at p_ and has to end at `limit` or before.
    bool open(pointer limit) noexcept {
        auto room = limit - p_;
        if (room < 5) return fail(p_, "document is cut off");
        if (depth_ == max_depth_) return fail(p_, "documents are nested too deeply");
        auto length = load_le<std::int32_t>(p_);
        if (length < 5) return fail(p_, "document length is below 5");
        if (length > room)
            return fail(p_, depth_ ? "document length exceeds its parent"
                                   : "document length exceeds the bytes given");
        auto end = p_ + length;
        if (end[-1] != 0) return fail(end - 1, "document does not end with NUL");
        end_ = stack_[depth_++] = end;
        p_ += 4;
        return true;
    }

    bool step() noexcept {
        auto at = p_;
        auto t = *p_++;
        if (t == 0) return close(at);
        if (!text("key is not terminated", "key is not UTF-8")) return false;
        return value(static_cast<type>(t), at);
    }

    bool close(pointer at) noexcept {
        if (p_ != end_) return fail(at, "document ends before its length");
        --depth_;
        if (depth_) end_ = stack_[depth_ - 1];
        return true;
    }

    // A text that ends with NUL, with the document's own NUL still behind it.
    bool text(std::string_view not_terminated, std::string_view not_utf8) noexcept {
        auto start = p_;
        // The usual short name: find the NUL and see that all before it is ASCII in one go. Every
        // document ends with NUL, so the search ends in time.
        while (end_ - p_ >= 8) {
            auto word = load_le<std::uint64_t>(p_);
            auto zero = detail::zero_bytes(word);
            auto before = zero ? (zero & (~zero + 1)) - 1 : ~std::uint64_t{0};
            if (word & high_bits & before) break;
            if (zero) {
                p_ += std::countr_zero(zero) / 8;
                if (p_ == end_ - 1) return fail(start, not_terminated);
                ++p_;
                return true;
            }
            p_ += 8;
        }
        auto ascii = p_;
        p_ += std::strlen(reinterpret_cast<const char*>(p_));
        if (p_ == end_ - 1) return fail(start, not_terminated);
        if (p_ != ascii)
            if (auto bad = check_utf8(ascii, p_); bad != p_) return fail(bad, not_utf8);
        ++p_;
        return true;
    }

    bool string(std::string_view not_terminated = "string does not end with NUL",
                std::string_view not_utf8 = "string is not UTF-8") noexcept {
        if (left() < 5) return fail(p_, "string is cut off");
        auto length = load_le<std::int32_t>(p_);
        if (length < 1) return fail(p_, "string length is below 1");
        if (static_cast<std::size_t>(length) > left() - 4)
            return fail(p_, "string length exceeds its document");
        p_ += 4;
        auto last = p_ + length - 1;
        if (*last != 0) return fail(last, not_terminated);
        if (auto bad = check_utf8(p_, last); bad != last) return fail(bad, not_utf8);
        p_ = last + 1;
        return true;
    }

    bool skip(std::size_t n) noexcept {
        if (left() < n) return fail(p_, "value is cut off");
        p_ += n;
        return true;
    }

    bool binary() noexcept {
        if (left() < 5) return fail(p_, "binary is cut off");
        auto length = load_le<std::int32_t>(p_);
        if (length < 0) return fail(p_, "binary length is negative");
        if (static_cast<std::size_t>(length) > left() - 5)
            return fail(p_, "binary length exceeds its document");
        if (p_[4] == 2 && (length < 4 || load_le<std::int32_t>(p_ + 5) != length - 4))
            return fail(p_ + 5, "inner length of binary subtype 2 is wrong");
        p_ += 5 + length;
        return true;
    }

    // The scope becomes the next document on the stack; it has to fill the rest of the value.
    bool code_with_scope() noexcept {
        auto start = p_;
        if (left() < 14) return fail(p_, "code with scope is cut off");
        auto length = load_le<std::int32_t>(p_);
        if (length < 14) return fail(p_, "code with scope length is below 14");
        if (static_cast<std::size_t>(length) > left())
            return fail(p_, "code with scope length exceeds its document");
        auto end = start + length;
        p_ += 4;
        if (!string()) return false;
        if (p_ > end) return fail(start, "code exceeds the length of code with scope");
        if (!open(end)) return false;
        return end_ == end || fail(start, "scope does not fill the length of code with scope");
    }

    bool value(type t, pointer at) noexcept {
        if (t == type::boolean) {
            if (!skip(1)) return false;
            return p_[-1] <= 1 || fail(p_ - 1, "boolean is neither 0 nor 1");
        }
        if (auto n = detail::fixed_sizes[static_cast<std::uint8_t>(t)]; n != detail::no_fixed_size)
            return skip(n);
        switch (t) {
        case type::string:
        case type::code:
        case type::symbol:
            return string();
        case type::document:
        case type::array:
            return open(end_ - 1);
        case type::binary:
            return binary();
        case type::db_pointer:
            return string() && skip(12);
        case type::regex:
            return text("regex is not terminated", "regex is not UTF-8") &&
                   text("regex options are not terminated", "regex options are not UTF-8");
        case type::code_with_scope:
            return code_with_scope();
        default:
            return fail(at, "unknown type");
        }
    }

    pointer begin_, p_, end_;
    std::size_t depth_ = 0, max_depth_;
    fault fault_{};
    // Where each open document ends; only the first depth_ are ever read.
    std::array<pointer, most_depth> stack_;
};

} // namespace

bool is_utf8(std::string_view text) noexcept {
    auto begin = reinterpret_cast<pointer>(text.data());
    return check_utf8(begin, begin + text.size()) == begin + text.size();
}

std::optional<fault> validate(bytes document, std::size_t max_depth) noexcept {
    return validator(document, max_depth).run();
}

} // namespace oocrpc::bson
