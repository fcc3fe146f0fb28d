#pragma once

#include <bit>
#include <cstring>

#include <oocrpc/bson.hpp>
#include <oocrpc/metadata.hpp>

namespace oocrpc::bson {

/// Writes elements where there is room for them, without a look at it; a protocol's own keys, which
/// are literals, need no check.
class element_writer {
  public:
    explicit element_writer(std::uint8_t* at) noexcept : at_(at) {}

    /// At least what the entries take.
    static std::size_t room_for(const metadata& entries) noexcept {
        std::size_t n = 0;
        for (const auto& [key, text] : entries) n += entry_overhead + key.size() + text.size();
        return n;
    }

    /// Where the next byte goes.
    std::uint8_t* at() const noexcept { return at_; }

    /// Begins a document; close() ends it and returns its size in bytes.
    std::uint8_t* open() noexcept {
        auto* document = at_;
        at_ += 4;
        return document;
    }
    template <std::size_t N> std::uint8_t* open(const char (&key)[N]) noexcept {
        name(type::document, key);
        return open();
    }
    std::size_t close(std::uint8_t* document) noexcept {
        *at_++ = 0;
        const auto length = static_cast<std::size_t>(at_ - document);
        oocrpc::detail::store_le(document, static_cast<std::uint32_t>(length));
        return length;
    }

    template <std::size_t N> void add(const char (&key)[N], std::int32_t n) noexcept {
        name(type::int32, key);
        oocrpc::detail::store_le(at_, n);
        at_ += sizeof n;
    }
    template <std::size_t N> void add(const char (&key)[N], std::int64_t n) noexcept {
        name(type::int64, key);
        oocrpc::detail::store_le(at_, n);
        at_ += sizeof n;
    }
    template <std::size_t N> void add(const char (&key)[N], double d) noexcept {
        name(type::float64, key);
        oocrpc::detail::store_le(at_, std::bit_cast<std::uint64_t>(d));
        at_ += sizeof d;
    }
    template <std::size_t N> void add_true(const char (&key)[N]) noexcept {
        name(type::boolean, key);
        *at_++ = 1;
    }
    template <std::size_t N> void add(const char (&key)[N], value_view v) noexcept {
        name(v.t, key);
        copy(v.data.data(), v.data.size());
    }
    template <std::size_t N> void add(const char (&key)[N], std::string_view text) noexcept {
        name(type::string, key);
        add_text(text);
    }
    // Keys from elsewhere.
    std::uint8_t* open(type t, std::string_view key) noexcept {
        name(t, key);
        return open();
    }
    void add(std::string_view key, std::int32_t n) noexcept {
        name(type::int32, key);
        oocrpc::detail::store_le(at_, n);
        at_ += sizeof n;
    }
    void add(std::string_view key, value_view v) noexcept {
        name(v.t, key);
        copy(v.data.data(), v.data.size());
    }
    void add_all(const metadata& entries) noexcept {
        for (const auto& [key, text] : entries) {
            name(type::string, std::string_view(key));
            add_text(text);
        }
    }

    /// False where a text is not UTF-8 or a key holds NUL.
    bool valid() const noexcept { return valid_; }

  private:
    static constexpr std::size_t entry_overhead = 7;

    template <std::size_t N> void name(type t, const char (&key)[N]) noexcept {
        *at_++ = static_cast<std::uint8_t>(t);
        std::memcpy(at_, key, N);
        at_ += N;
    }
    void name(type t, std::string_view key) noexcept {
        *at_++ = static_cast<std::uint8_t>(t);
        valid_ &= is_utf8(key) && key.find('\0') == key.npos;
        copy(key.data(), key.size());
        *at_++ = 0;
    }
    void add_text(std::string_view text) noexcept {
        valid_ &= is_utf8(text);
        oocrpc::detail::store_le(at_, static_cast<std::uint32_t>(text.size() + 1));
        at_ += 4;
        copy(text.data(), text.size());
        *at_++ = 0;
    }
    void copy(const void* from, std::size_t n) noexcept {
        if (n) std::memcpy(at_, from, n);
        at_ += n;
    }

    std::uint8_t* at_;
    bool valid_ = true;
};

} // namespace oocrpc::bson
