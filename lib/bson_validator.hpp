#pragma once

#include <array>
#include <bit>
#include <cstring>

#include <oocrpc/bson.hpp>
#include <oocrpc/detail/bson_layout.hpp>

namespace oocrpc::bson {

/// The first byte that does not belong to UTF-8, or `end`.
const std::uint8_t* check_utf8(const std::uint8_t* p, const std::uint8_t* end) noexcept;

/// Reads a document that nobody has looked at yet, and checks it on the way.
///
/// Either run() checks all of it, or begin() and next() hand out the elements one by one. What an
/// element holds that is entered by enter() is handed out next, up to its end; what is not entered
/// is checked when the reading goes on. So all is checked once next() has told the end of the
/// outermost document; what was handed out before is not to be believed until then.
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

    /// Before the first next(); false where there is a fault().
    bool begin() noexcept {
        auto given = end_;
        if (!open(given)) return false;
        level_ = depth_;
        return end_ == given || fail(begin_, "document length is not the number of bytes given");
    }
    /// The next element; false at the end of the innermost document entered, and at a fault.
    bool next(element& e) noexcept {
        while (depth_ > level_)
            if (!step()) return false;
        const auto at = p_;
        const auto t = *p_++;
        if (t == 0) {
            --level_;
            close(at);
            return false;
        }
        if (!text("key is not terminated", "key is not UTF-8")) return false;
        e.name = {reinterpret_cast<const char*>(at + 1), static_cast<std::size_t>(p_ - at - 2)};
        const auto from = p_;
        if (!value(static_cast<type>(t), at)) return false;
        // Of a document only the length is read by now.
        const auto size =
            depth_ > level_ ? static_cast<std::size_t>(oocrpc::detail::load_le<std::int32_t>(from))
                            : static_cast<std::size_t>(p_ - from);
        e.value = {static_cast<type>(t), {from, size}};
        return true;
    }
    /// Goes into the document or array that next() has just told.
    void enter() noexcept { level_ = depth_; }
    /// Null where none was found so far.
    const fault* found() const noexcept { return fault_.what.empty() ? nullptr : &fault_; }

  private:
    using pointer = const std::uint8_t*;

    static constexpr std::size_t most_depth = 200;
    static constexpr std::uint64_t high_bits = 0x8080808080808080u;

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
        auto length = oocrpc::detail::load_le<std::int32_t>(p_);
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
            auto word = oocrpc::detail::load_le<std::uint64_t>(p_);
            auto zero = oocrpc::detail::zero_bytes(word);
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
        auto length = oocrpc::detail::load_le<std::int32_t>(p_);
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
        auto length = oocrpc::detail::load_le<std::int32_t>(p_);
        if (length < 0) return fail(p_, "binary length is negative");
        if (static_cast<std::size_t>(length) > left() - 5)
            return fail(p_, "binary length exceeds its document");
        if (p_[4] == 2 &&
            (length < 4 || oocrpc::detail::load_le<std::int32_t>(p_ + 5) != length - 4))
            return fail(p_ + 5, "inner length of binary subtype 2 is wrong");
        p_ += 5 + length;
        return true;
    }

    // The scope becomes the next document on the stack; it has to fill the rest of the value.
    bool code_with_scope() noexcept {
        auto start = p_;
        if (left() < 14) return fail(p_, "code with scope is cut off");
        auto length = oocrpc::detail::load_le<std::int32_t>(p_);
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
        if (auto n = oocrpc::detail::fixed_sizes[static_cast<std::uint8_t>(t)];
            n != oocrpc::detail::no_fixed_size)
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
    std::size_t level_ = 0; // of the innermost document that next() reads
    fault fault_{};
    // Where each open document ends; only the first depth_ are ever read.
    std::array<pointer, most_depth> stack_;
};

} // namespace oocrpc::bson
