#include <oocrpc/bson_json.hpp>
#include <oocrpc/detail/bson_put.hpp>
#include <oocrpc/error.hpp>

#include "bson_wrappers.hpp"

#include <charconv>
#include <limits>

namespace oocrpc::bson {
namespace {

type put_at(byte_buffer& out, const json& v, const place& at);

void put_member(byte_buffer& out, std::string_view name, const json& v, const place& at) {
    auto type_at = out.size();
    out.push_back(0);
    out.append(name);
    out.push_back(0);
    auto t = put_at(out, v, at);
    out.data()[type_at] = static_cast<std::uint8_t>(t);
}

void check_depth(const place& at) {
    if (at.depth > default_max_depth) fail(at, "nested more than 100 deep");
}

void put_members(byte_buffer& out, const json& object, const place& at) {
    check_depth(at);
    document_writer document(out);
    for (auto& [name, item] : object.get_ref<const json::object_t&>()) {
        if (name.find('\0') != name.npos) fail(at, "a key holds a NUL character");
        if (!is_utf8(name)) fail(at, "a key is not UTF-8");
        put_member(out, name, item, {&at, &name, 0, at.depth + 1});
    }
    document.finish();
}

type put_array(byte_buffer& out, const json& array, const place& at) {
    check_depth(at);
    document_writer body(out);
    std::size_t i = 0;
    for (auto& item : array) {
        char name[20];
        auto end = std::to_chars(name, name + sizeof name, i).ptr;
        put_member(out, {name, static_cast<std::size_t>(end - name)}, item,
                   {&at, nullptr, i, at.depth + 1});
        ++i;
    }
    body.finish();
    return type::array;
}

// Code, alone or with its scope: the one wrapper that may have two keys.
type put_code(byte_buffer& out, const json& v, const place& at) {
    if (v.size() == 1 && v.contains("$code")) {
        append_text(out, text_of(v.at("$code"), at, "$code"), at);
        return type::code;
    }
    auto [code, scope] = two_of(v, "$code", "$scope", at, "$code");
    if (!scope->is_object()) fail(at, "$scope needs an object");
    auto start = out.size();
    out.grow(4);
    append_text(out, text_of(*code, at, "$code"), at);
    static const std::string name = "$scope";
    put_members(out, *scope, {&at, &name, 0, at.depth});
    detail::store_le(out.data() + start, static_cast<std::uint32_t>(out.size() - start));
    return type::code_with_scope;
}

// The key of a wrapper makes one of the object, wherever among the others it stands. A DBRef is
// no wrapper: it stays a document, complete or not.
type put_object(byte_buffer& out, const json& v, const place& at) {
    auto& members = v.get_ref<const json::object_t&>();
    for (auto& [key, content] : members) {
        if (!key.starts_with('$')) continue;
        if (key == "$code" || key == "$scope") return put_code(out, v, at);
        auto* w = wrapper_of(key);
        if (!w) continue;
        if (members.size() != 1) fail(at, key + " has other keys beside it");
        return w->put(out, content, at);
    }
    put_members(out, v, at);
    return type::document;
}

type put_integer(byte_buffer& out, const json& v, const place& at) {
    if (v.is_number_unsigned() && v.get<std::uint64_t>() >> 63)
        fail(at, v.dump() + " exceeds int64");
    auto n = v.get<std::int64_t>();
    using small = std::numeric_limits<std::int32_t>;
    if (n >= small::min() && n <= small::max())
        return detail::put_integer(out, static_cast<std::int32_t>(n));
    return detail::put_integer(out, n);
}

type put_at(byte_buffer& out, const json& v, const place& at) {
    switch (v.type()) {
    case json::value_t::null:
        return type::null;
    case json::value_t::object:
        return put_object(out, v, at);
    case json::value_t::array:
        return put_array(out, v, at);
    case json::value_t::string:
        append_text(out, v.get_ref<const std::string&>(), at);
        return type::string;
    case json::value_t::boolean:
        out.push_back(v.get<bool>());
        return type::boolean;
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
        return put_integer(out, v, at);
    case json::value_t::number_float:
        detail::append_le(out, std::bit_cast<std::uint64_t>(v.get<double>()));
        return type::float64;
    case json::value_t::binary: {
        auto& binary = v.get_binary();
        auto subtype = binary.has_subtype() ? binary.subtype() : 0;
        if (subtype > 255) fail(at, "a binary subtype exceeds 255");
        detail::append_binary(out, static_cast<std::uint8_t>(subtype), binary);
        return type::binary;
    }
    case json::value_t::discarded:
        break;
    }
    fail(at, "not a JSON value");
}

} // namespace

type put(byte_buffer& out, const json& v) {
    return put_at(out, v, {});
}

void put_document(byte_buffer& out, const json& document) {
    if (!document.is_object())
        throw rpc_error(errc::invalid_argument,
                        std::string("expected an object, got ") + document.type_name());
    put_members(out, document, {});
}

} // namespace oocrpc::bson
