#pragma once

#include <array>
#include <bit>
#include <cstring>

#include <oocrpc/bson.hpp>
#include <oocrpc/detail/bson_layout.hpp>

namespace oocrpc::bson {

/// The first byte that does not belong to UTF-8, or `end`.
const std::uint8_t* check_utf8(const std::uint8_t* p, const std::uint8_t* end) noexcept;

/// True for at most 16 bytes of ASCII, by loads that overlap; it says nothing of longer ones.
inline bool is_short_ascii(const std::uint8_t* p, const std::uint8_t* end) noexcept {
    using oocrpc::detail::high_bits;
    using oocrpc::detail::load_le;
    const auto n = static_cast<std::size_t>(end - p);
    if (n > 16) return false;
    if (n >= 8) return !((load_le<std::uint64_t>(p) | load_le<std::uint64_t>(end - 8)) & high_bits);
    if (n >= 4)
        return !((load_le<std::uint32_t>(p) | load_le<std::uint32_t>(end - 4)) &
                 static_cast<std::uint32_t>(high_bits));
    return n == 0 || (p[0] | p[n / 2] | p[n - 1]) < 0x80;
}

/// Reads a document that nobody has looked at yet, and checks it on the way.
///
/// Either run() checks all of it, or begin() and next() hand out the elements one by one. What an
/// element holds that is entered by enter() is handed out next, up to its end; what is not entered
/// is checked when the reading goes on. So all is checked once next() has told the end of the
/// outermost document; what was handed out before is not to be believed until then.
///
/// What usual documents take is inline, and keeps its place in a register: a position is handed on
/// and comes back behind what was checked, or null where there is a fault.
class validator {
  public:
    validator(bytes document, std::size_t max_depth, std::size_t max_elements) noexcept
        : begin_(document.data()),
          p_(begin_),
          end_(begin_ + document.size()),
          last_(end_),
          max_depth_(max_depth < most_depth ? max_depth : most_depth),
          elements_left_(max_elements) {}

    std::optional<fault> run() noexcept {
        if (!begin() || !leave(0)) return fault_;
        return {};
    }

    /// Before the first next(); false where there is a fault().
    bool begin() noexcept {
        const auto at = open(p_, end_);
        if (!at) return false;
        p_ = at;
        level_ = depth_;
        if (end_ == last_) return true;
        fail(begin_, "document length is not the number of bytes given");
        return false;
    }
    /// The next element; false at the end of the innermost document entered, and at a fault.
    bool next(element& e) noexcept {
        if (depth_ > level_ && !leave(level_)) return false;
        const auto at = p_;
        if (*at == 0) {
            --level_;
            if (close(at)) p_ = at + 1;
            return false;
        }
        const auto from = name(at + 1);
        if (!from) return false;
        e.name = {reinterpret_cast<const char*>(at + 1), static_cast<std::size_t>(from - at - 2)};
        return take(at, from, e.value);
    }
    /// The next element where it has that name, which is then found without a search; else false,
    /// also at a fault, and nothing is read.
    template <std::size_t N> bool next(const char (&key)[N], value_view& v) noexcept {
        if (depth_ > level_ && !leave(level_)) return false;
        const auto at = p_, from = at + 1 + N;
        if (end_ - at <= static_cast<std::ptrdiff_t>(1 + N) || *at == 0 ||
            std::memcmp(at + 1, key, N) != 0)
            return false;
        return take(at, from, v);
    }
    /// Goes into the document or array that next() has just told.
    void enter() noexcept { level_ = depth_; }
    /// Null where none was found so far.
    const fault* found() const noexcept { return fault_.what.empty() ? nullptr : &fault_; }

  private:
    using pointer = const std::uint8_t*;

    static constexpr std::size_t most_depth = 200;

    static std::ptrdiff_t length_at(pointer p) noexcept {
        return oocrpc::detail::load_le<std::int32_t>(p);
    }

    pointer fail(pointer at, std::string_view what) noexcept;

    // Reads the value of the element at `at`, whose name ends before `from`.
    bool take(pointer at, pointer from, value_view& v) noexcept {
        const auto t = static_cast<type>(*at);
        const auto behind = value(t, from, at);
        if (!behind) return false;
        p_ = behind;
        // Of a document only the length is read by now.
        const auto size = depth_ > level_ ? length_at(from) : behind - from;
        v = {t, {from, static_cast<std::size_t>(size)}};
        return true;
    }

    // Bytes that are left for the values of the innermost document, its final NUL not counted.
    std::ptrdiff_t left(pointer p) const noexcept { return end_ - 1 - p; }

    // Checks what is left of the documents below `level`.
    bool leave(std::size_t level) noexcept {
        auto p = p_;
        while (depth_ > level) {
            const auto at = p;
            if (*at == 0) {
                if (!close(at)) return false;
                p = at + 1;
                continue;
            }
            p = name(at + 1);
            if (p) p = value(static_cast<type>(*at), p, at);
            if (!p) return false;
        }
        p_ = p;
        return true;
    }

    // Enters the document that begins at `p` and has to end at `limit` or before.
    pointer open(pointer p, pointer limit) noexcept {
        const auto room = limit - p;
        if (room < 5) return fail(p, "document is cut off");
        if (depth_ == max_depth_) return fail(p, "documents are nested too deeply");
        const auto length = length_at(p);
        if (length < 5) return fail(p, "document length is below 5");
        if (length > room)
            return fail(p, depth_ ? "document length exceeds its parent"
                                  : "document length exceeds the bytes given");
        const auto end = p + length;
        if (end[-1] != 0) return fail(end - 1, "document does not end with NUL");
        end_ = stack_[depth_++] = end;
        return p + 4;
    }

    // Leaves the innermost document, whose end was found at `at`.
    bool close(pointer at) noexcept {
        if (at + 1 != end_) return fail(at, "document ends before its length");
        if (--depth_) end_ = stack_[depth_ - 1];
        return true;
    }

    // The usual name is short: the NUL is found, and all before it seen to be ASCII, in one go. The
    // innermost document ends with NUL, so the NUL is within it, or its end.
    pointer name(pointer p) noexcept {
        for (auto at = p; last_ - at >= 8; at += 8) {
            const auto word = oocrpc::detail::load_le<std::uint64_t>(at);
            const auto zero = oocrpc::detail::zero_bytes(word);
            const auto before = (zero & (~zero + 1)) - 1; // all, where there is none
            if (word & oocrpc::detail::high_bits & before) break;
            if (!zero) continue;
            at += std::countr_zero(zero) / 8 + 1;
            if (at == end_) break;
            return at;
        }
        return text(p, "key is not terminated", "key is not UTF-8");
    }

    pointer value(type t, pointer p, pointer at) noexcept {
        if (elements_left_-- == 0) return fail(at, "document has too many elements");
        const auto n = oocrpc::detail::value_sizes[static_cast<std::uint8_t>(t)];
        if (n < oocrpc::detail::counted) {
            if (left(p) < n) return fail(p, "value is cut off");
            if (t == type::boolean && *p > 1) return fail(p, "boolean is neither 0 nor 1");
            return p + n;
        }
        if (t == type::document || t == type::array) return open(p, end_ - 1);
        if (t == type::string) return string(p);
        return rare(t, p, at);
    }

    pointer string(pointer p) noexcept {
        if (left(p) < 5) return fail(p, "string is cut off");
        const auto length = length_at(p);
        if (length < 1) return fail(p, "string length is below 1");
        if (length > left(p) - 4) return fail(p, "string length exceeds its document");
        p += 4;
        const auto end = p + length - 1;
        if (*end != 0) return fail(end, "string does not end with NUL");
        if (!is_short_ascii(p, end))
            if (const auto bad = check_utf8(p, end); bad != end)
                return fail(bad, "string is not UTF-8");
        return end + 1;
    }

    // A text that ends with NUL, with the document's own NUL still behind it.
    pointer text(pointer p, std::string_view not_terminated, std::string_view not_utf8) noexcept;
    // A value of a type that calls seldom hold.
    pointer rare(type t, pointer p, pointer at) noexcept;
    pointer binary(pointer p) noexcept;
    pointer code_with_scope(pointer p) noexcept;

    pointer begin_, p_, end_, last_; // the end of the innermost document, and of the outermost
    std::size_t depth_ = 0, max_depth_;
    std::size_t elements_left_; // of all documents together
    std::size_t level_ = 0;     // of the innermost document that next() reads
    fault fault_{};
    // Where each open document ends; only the first depth_ are ever read.
    std::array<pointer, most_depth> stack_;
};

} // namespace oocrpc::bson
