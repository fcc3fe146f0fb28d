#include <oocrpc/bson.hpp>
#include <oocrpc/error.hpp>

#include <charconv>
#include <limits>

namespace oocrpc::bson {
namespace {

// A name that breaks the document would cost the whole connection at the other end.
void require_name(std::string_view name) {
    if (name.find('\0') != name.npos)
        throw rpc_error(errc::invalid_argument, "a key holds a NUL character");
    if (!is_utf8(name)) throw rpc_error(errc::invalid_argument, "a key is not UTF-8");
}

// Appends type and name of an element and returns where the type stands.
std::size_t append_head(byte_buffer& out, type t, std::string_view name) {
    const auto start = out.size();
    auto* at = out.grow(name.size() + 2);
    *at++ = static_cast<std::uint8_t>(t);
    if (!name.empty()) std::memcpy(at, name.data(), name.size());
    at[name.size()] = 0;
    return start;
}

} // namespace

std::string_view to_string(type t) noexcept {
    switch (t) {
    case type::float64:
        return "double";
    case type::string:
        return "string";
    case type::document:
        return "document";
    case type::array:
        return "array";
    case type::binary:
        return "binary";
    case type::undefined:
        return "undefined";
    case type::object_id:
        return "object_id";
    case type::boolean:
        return "bool";
    case type::datetime:
        return "datetime";
    case type::null:
        return "null";
    case type::regex:
        return "regex";
    case type::db_pointer:
        return "db_pointer";
    case type::code:
        return "code";
    case type::symbol:
        return "symbol";
    case type::code_with_scope:
        return "code_with_scope";
    case type::int32:
        return "int32";
    case type::timestamp:
        return "timestamp";
    case type::int64:
        return "int64";
    case type::decimal128:
        return "decimal128";
    case type::max_key:
        return "max_key";
    case type::min_key:
        return "min_key";
    }
    return "unknown";
}

std::optional<value_view> find(bytes document, std::string_view name) noexcept {
    for (auto& e : elements(document))
        if (e.name == name) return e.value;
    return {};
}

void append_element(byte_buffer& out, std::string_view name, value_view value) {
    require_name(name);
    append_head(out, value.t, name);
    out.append(value.data);
}

document_writer::document_writer(byte_buffer& out, std::string_view name, type t)
    : out_(out),
      start_(0) {
    require_name(name);
    append_head(out, t, name);
    start_ = out.size();
    out.grow(4);
}

std::size_t document_writer::open(std::string_view name) {
    require_name(name);
    return append_head(out_, type{}, name);
}

std::size_t document_writer::finish() {
    out_.push_back(0);
    auto length = out_.size() - start_;
    if (length > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        throw rpc_error(errc::message_too_large, "a document exceeds 2 GiB");
    detail::store_le(out_.data() + start_, static_cast<std::uint32_t>(length));
    return length;
}

std::string_view array_writer::index::next_long() noexcept {
    auto end = std::to_chars(text_, text_ + sizeof text_, count_++).ptr;
    return {text_, static_cast<std::size_t>(end - text_)};
}

} // namespace oocrpc::bson
