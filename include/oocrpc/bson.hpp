#pragma once

// BSON as bytes: types, validation, views and a writer (https://bsonspec.org, version 1.1).
// Everything here works on the bytes themselves; no document is ever turned into a tree.

#include <oocrpc/byte_buffer.hpp>
#include <oocrpc/detail/bson_layout.hpp>
#include <oocrpc/detail/endian.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

namespace oocrpc::bson {

/// The type of a value, with the number that the specification gives it.
enum class type : std::uint8_t {
    float64 = 0x01,
    string = 0x02,
    document = 0x03,
    array = 0x04,
    binary = 0x05,
    undefined = 0x06,
    object_id = 0x07,
    boolean = 0x08,
    datetime = 0x09,
    null = 0x0a,
    regex = 0x0b,
    db_pointer = 0x0c,
    code = 0x0d,
    symbol = 0x0e,
    code_with_scope = 0x0f,
    int32 = 0x10,
    timestamp = 0x11,
    int64 = 0x12,
    decimal128 = 0x13,
    max_key = 0x7f,
    min_key = 0xff,
};

/// The name of a type as error texts use it, such as "double" or "object_id".
std::string_view to_string(type t) noexcept;

/// What is wrong with a document, and how many bytes from its beginning.
struct fault {
    std::size_t offset;
    std::string_view what; ///< a text that lives for ever
};

/// The depth that every reader and writer of the library keeps to.
inline constexpr std::size_t default_max_depth = 100;

/// The first fault of `document`, or nothing if it is exactly one valid document.
///
/// Checks every length against its parent, every NUL, UTF-8 (neither overlong nor surrogates),
/// booleans, known types, and the depth: documents, arrays and scopes count, the outermost is 1.
/// Works without recursion and without allocation; a `max_depth` above 200 means 200.
std::optional<fault> validate(bytes document, std::size_t max_depth = default_max_depth,
                              std::size_t max_elements = SIZE_MAX) noexcept;

/// True if `text` is UTF-8 as RFC 3629 defines it.
bool is_utf8(std::string_view text) noexcept;

/// The content of a binary value; for the old subtype 2 without its inner length.
struct binary_view {
    std::uint8_t subtype;
    bytes data;
};

/// One value without its name: the type and the bytes as they stand in a document.
///
/// The bytes belong to the document. The accessors check nothing: they are for validated input
/// and for the type that they name.
struct value_view {
    type t = type::null;
    bytes data;

    std::int32_t as_int32() const noexcept { return detail::load_le<std::int32_t>(data.data()); }
    /// int64; also the milliseconds of a datetime and both halves of a timestamp.
    std::int64_t as_int64() const noexcept { return detail::load_le<std::int64_t>(data.data()); }
    double as_double() const noexcept {
        return std::bit_cast<double>(detail::load_le<std::uint64_t>(data.data()));
    }
    bool as_bool() const noexcept { return data[0] != 0; }
    /// The text of a string, symbol or code.
    std::string_view as_string() const noexcept {
        return {reinterpret_cast<const char*>(data.data()) + 4, data.size() - 5};
    }
    /// The bytes of a document or an array, its length included.
    bytes as_document() const noexcept { return data; }
    binary_view as_binary() const noexcept { return {data[4], data.subspan(data[4] == 2 ? 9 : 5)}; }

    /// The same type and the same bytes.
    friend bool operator==(value_view a, value_view b) noexcept {
        return a.t == b.t && std::ranges::equal(a.data, b.data);
    }
};

/// One value of any type that owns its bytes; null by default.
struct value {
    type t = type::null;
    std::vector<std::uint8_t> data;

    value() = default;
    explicit value(value_view v) : t(v.t), data(v.data.begin(), v.data.end()) {}
    operator value_view() const noexcept { return {t, data}; }
    friend bool operator==(const value&, const value&) = default;
};

/// A named value of a document; both parts are views.
struct element {
    std::string_view name;
    value_view value;
};

/// The elements of a validated document or array, in order: `for (element e : elements(d))`.
class elements {
  public:
    class iterator {
      public:
        using value_type = element;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::forward_iterator_tag;

        iterator() = default;
        iterator(const std::uint8_t* at, const std::uint8_t* end) noexcept : at_(at), end_(end) {
            read();
        }
        const element& operator*() const noexcept { return current_; }
        const element* operator->() const noexcept { return &current_; }
        iterator& operator++() noexcept {
            at_ = current_.value.data.data() + current_.value.data.size();
            read();
            return *this;
        }
        iterator operator++(int) noexcept {
            auto before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.at_ == b.at_;
        }
        friend bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return *a.at_ == 0;
        }

      private:
        void read() noexcept {
            const auto t = *at_;
            if (t == 0) return;
            const auto length = detail::name_length(at_ + 1, end_);
            const auto* value = at_ + 1 + length + 1;
            current_ = {{reinterpret_cast<const char*>(at_ + 1), length},
                        {static_cast<type>(t), {value, detail::value_size(t, value)}}};
        }

        const std::uint8_t* at_ = nullptr;
        const std::uint8_t* end_ = nullptr;
        element current_;
    };

    explicit elements(bytes document) noexcept : document_(document) {}
    /// No bytes at all count as a document without elements.
    iterator begin() const noexcept {
        static constexpr std::uint8_t none = 0;
        if (document_.size() < 5) return iterator(&none, &none + 1);
        return iterator(document_.data() + 4, document_.data() + document_.size());
    }
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    bytes document_;
};

/// The first value of that name in a validated document.
std::optional<value_view> find(bytes document, std::string_view name) noexcept;

/// Appends the bytes of one C++ value, without name and type, and returns its type.
///
/// Which C++ types there are, and the definition, is in bson_value.hpp. Throws
/// rpc_error(invalid_argument) for what BSON cannot hold, such as text that is not UTF-8.
template <class T> type put(byte_buffer& out, const T& value);

/// Appends type, name and bytes of one element.
void append_element(byte_buffer& out, std::string_view name, value_view value);

class array_writer;

/// Appends one document to a buffer, element by element; finish() completes it.
///
/// While a nested writer is open its parent must not be used. The buffer must outlive the writer;
/// other bytes may stand in it before the document. After an exception the buffer holds a broken
/// document, which the caller cuts off. A name that holds NUL or is not UTF-8 is an
/// rpc_error(invalid_argument).
class document_writer {
  public:
    explicit document_writer(byte_buffer& out) : out_(out), start_(out.size()) { out.grow(4); }
    /// Opens a document as an element of `parent`.
    document_writer(document_writer& parent, std::string_view name)
        : document_writer(parent.out_, name, type::document) {}
    /// Opens a document as the next element of an array.
    explicit document_writer(array_writer& parent);
    document_writer(const document_writer&) = delete;
    document_writer& operator=(const document_writer&) = delete;

    /// Adds any value that put() knows.
    template <class T> void add(std::string_view name, const T& value) {
        auto at = open(name);
        auto t = put(out_, value);
        out_.data()[at] = static_cast<std::uint8_t>(t);
    }
    void add(std::string_view name, value_view value) { append_element(out_, name, value); }

    /// Writes the end and the length, and returns the length in bytes.
    ///
    /// Throws rpc_error(message_too_large) where it exceeds the 2 GiB that BSON can express.
    std::size_t finish();

  private:
    friend class array_writer;

    document_writer(byte_buffer& out, std::string_view name, type t);
    // Writes a type still to be filled in, and the name; returns where the type stands.
    std::size_t open(std::string_view name);

    byte_buffer& out_;
    std::size_t start_;
};

/// Appends one array: a document whose names are 0, 1, 2, ...
class array_writer {
  public:
    explicit array_writer(byte_buffer& out) : body_(out) {}
    /// Opens an array as an element of `parent`.
    array_writer(document_writer& parent, std::string_view name)
        : body_(parent.out_, name, type::array) {}

    /// Opens an array as the next element of another.
    explicit array_writer(array_writer& parent)
        : body_(parent.body_.out_, parent.index_.next(), type::array) {}

    /// Adds any value that put() knows.
    template <class T> void add(const T& value) {
        auto at = open();
        auto t = put(body_.out_, value);
        body_.out_.data()[at] = static_cast<std::uint8_t>(t);
    }
    /// Writes the end and the length, and returns the length in bytes.
    std::size_t finish() { return body_.finish(); }

  private:
    friend class document_writer;

    // Counts the names; the text lives until the next one is made.
    class index {
      public:
        std::string_view next() noexcept {
            if (count_ >= 10) return next_long();
            text_[0] = static_cast<char>('0' + count_++);
            return {text_, 1};
        }

      private:
        std::string_view next_long() noexcept;

        std::size_t count_ = 0;
        char text_[20];
    };

    // Writes a type still to be filled in, and the next index; returns where the type stands.
    std::size_t open() {
        const auto name = index_.next();
        const auto at = body_.out_.size();
        auto* p = body_.out_.grow(name.size() + 2);
        *p = 0;
        std::memcpy(p + 1, name.data(), name.size());
        p[1 + name.size()] = 0;
        return at;
    }

    document_writer body_;
    index index_;
};

inline document_writer::document_writer(array_writer& parent)
    : document_writer(parent.body_.out_, parent.index_.next(), type::document) {}

} // namespace oocrpc::bson
