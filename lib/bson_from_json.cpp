#include <oocrpc/bson_json.hpp>
#include <oocrpc/detail/bson_put.hpp>
#include <oocrpc/error.hpp>

#include "bson_decimal.hpp"
#include "bson_text.hpp"

#include <charconv>
#include <limits>

namespace oocrpc::bson {
namespace {

// Where a value stands: a list through the stack frames, so that a path costs nothing until an
// error needs it.
struct place {
    const place* outer = nullptr;
    const std::string* key = nullptr;
    std::size_t index = 0;
    std::size_t depth = 1; // of a document at this place
};

std::string path_of(const place* at) {
    if (!at->outer) return {};
    auto path = path_of(at->outer);
    if (!at->key) return path + "[" + std::to_string(at->index) + "]";
    return path.empty() ? *at->key : path + "." + *at->key;
}

[[noreturn]] void fail(const place& at, std::string reason) {
    auto path = path_of(&at);
    throw rpc_error(errc::invalid_argument, path.empty() ? reason : path + ": " + reason);
}

const std::string& text_of(const json& v, const place& at, const char* wrapper) {
    if (auto* text = v.get_ptr<const std::string*>()) return *text;
    fail(at, std::string(wrapper) + " needs a string");
}

void append_text(byte_buffer& out, std::string_view text, const place& at) {
    if (!is_utf8(text)) fail(at, "a string is not UTF-8");
    detail::append_string(out, text);
}

void append_cstring(byte_buffer& out, const std::string& text, const place& at) {
    if (!is_utf8(text)) fail(at, "a regular expression is not UTF-8");
    if (text.find('\0') != text.npos) fail(at, "a regular expression holds a NUL character");
    out.append(text);
    out.push_back(0);
}

// The members of a wrapper's content, which has to have exactly these two, in any order.
std::pair<const json*, const json*> two_of(const json& v, const char* first, const char* second,
                                           const place& at, const char* wrapper) {
    if (v.is_object() && v.size() == 2)
        if (auto a = v.find(first), b = v.find(second); a != v.end() && b != v.end())
            return {&*a, &*b};
    fail(at, std::string(wrapper) + " needs exactly " + first + " and " + second);
}

template <class I> I integer_of(const json& v, const place& at, const char* wrapper) {
    auto& text = text_of(v, at, wrapper);
    I n;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error == std::errc::result_out_of_range)
        fail(at, std::string(wrapper) + " is out of range");
    if (error != std::errc{} || end != text.data() + text.size())
        fail(at, std::string(wrapper) + " is not an integer");
    return n;
}

void append_oid(byte_buffer& out, const json& v, const place& at) {
    auto id = from_hex(text_of(v, at, "$oid"));
    if (!id || id->size() != 12) fail(at, "$oid needs 24 hexadecimal digits");
    out.append(*id);
}

type put_oid(byte_buffer& out, const json& v, const place& at) {
    append_oid(out, v, at);
    return type::object_id;
}

type put_int(byte_buffer& out, const json& v, const place& at) {
    detail::append_le(out, integer_of<std::int32_t>(v, at, "$numberInt"));
    return type::int32;
}

type put_long(byte_buffer& out, const json& v, const place& at) {
    detail::append_le(out, integer_of<std::int64_t>(v, at, "$numberLong"));
    return type::int64;
}

type put_double(byte_buffer& out, const json& v, const place& at) {
    auto d = double_from_text(text_of(v, at, "$numberDouble"));
    if (!d) fail(at, "$numberDouble is not a double");
    detail::append_le(out, std::bit_cast<std::uint64_t>(*d));
    return type::float64;
}

type put_decimal(byte_buffer& out, const json& v, const place& at) {
    auto d = decimal128_from_text(text_of(v, at, "$numberDecimal"));
    if (!d) fail(at, "$numberDecimal is not a number of at most 34 digits");
    detail::append_le(out, d->low);
    detail::append_le(out, d->high);
    return type::decimal128;
}

type put_date(byte_buffer& out, const json& v, const place& at) {
    std::int64_t milliseconds;
    if (v.is_object() && v.size() == 1 && v.contains("$numberLong")) {
        milliseconds = integer_of<std::int64_t>(v["$numberLong"], at, "$numberLong");
    } else {
        if (!v.is_string()) fail(at, "$date needs a string or $numberLong");
        auto parsed = date_from_text(v.get_ref<const std::string&>());
        if (!parsed) fail(at, "$date is not a date such as 2020-01-31T12:00:00Z");
        milliseconds = *parsed;
    }
    detail::append_le(out, milliseconds);
    return type::datetime;
}

type put_binary(byte_buffer& out, const json& v, const place& at) {
    auto [base64, subtype_text] = two_of(v, "base64", "subType", at, "$binary");
    auto data = from_base64(text_of(*base64, at, "base64"));
    if (!data) fail(at, "base64 is not padded base64");
    auto digits = text_of(*subtype_text, at, "subType");
    if (digits.size() == 1) digits.insert(0, 1, '0');
    auto subtype = from_hex(digits);
    if (!subtype || subtype->size() != 1) fail(at, "subType needs two hexadecimal digits");
    detail::append_binary(out, (*subtype)[0], *data);
    return type::binary;
}

type put_uuid(byte_buffer& out, const json& v, const place& at) {
    auto text = text_of(v, at, "$uuid");
    auto dashed = text.size() == 36;
    for (auto dash : {23u, 18u, 13u, 8u}) {
        dashed = dashed && text[dash] == '-';
        if (dashed) text.erase(dash, 1);
    }
    auto data = from_hex(text);
    if (!dashed || !data) fail(at, "$uuid is not a UUID");
    detail::append_binary(out, 4, *data);
    return type::binary;
}

type put_regex(byte_buffer& out, const json& v, const place& at) {
    auto [pattern, options] = two_of(v, "pattern", "options", at, "$regularExpression");
    append_cstring(out, text_of(*pattern, at, "pattern"), at);
    append_cstring(out, text_of(*options, at, "options"), at);
    return type::regex;
}

type put_timestamp(byte_buffer& out, const json& v, const place& at) {
    auto [t, i] = two_of(v, "t", "i", at, "$timestamp");
    for (auto* part : {i, t}) {
        auto negative = part->is_number_integer() && !part->is_number_unsigned() &&
                        part->get<std::int64_t>() < 0;
        if (!part->is_number_integer() || negative || part->get<std::uint64_t>() > 0xffffffff)
            fail(at, "$timestamp needs t and i from 0 to 4294967295");
        detail::append_le(out, part->get<std::uint32_t>());
    }
    return type::timestamp;
}

type put_symbol(byte_buffer& out, const json& v, const place& at) {
    append_text(out, text_of(v, at, "$symbol"), at);
    return type::symbol;
}

type put_code(byte_buffer& out, const json& v, const place& at) {
    append_text(out, text_of(v, at, "$code"), at);
    return type::code;
}

type put_pointer(byte_buffer& out, const json& v, const place& at) {
    auto [ref, id] = two_of(v, "$ref", "$id", at, "$dbPointer");
    append_text(out, text_of(*ref, at, "$ref"), at);
    if (!id->is_object() || id->size() != 1 || !id->contains("$oid"))
        fail(at, "$dbPointer needs an $oid as its $id");
    append_oid(out, id->at("$oid"), at);
    return type::db_pointer;
}

type put_undefined(byte_buffer&, const json& v, const place& at) {
    if (v != true) fail(at, "$undefined needs true");
    return type::undefined;
}

type put_min_key(byte_buffer&, const json& v, const place& at) {
    if (v != 1) fail(at, "$minKey needs 1");
    return type::min_key;
}

type put_max_key(byte_buffer&, const json& v, const place& at) {
    if (v != 1) fail(at, "$maxKey needs 1");
    return type::max_key;
}

struct wrapper {
    std::string_view key;
    type (*put)(byte_buffer&, const json&, const place&);
};

constexpr wrapper wrappers[] = {
    {"$oid", put_oid},
    {"$date", put_date},
    {"$numberInt", put_int},
    {"$numberLong", put_long},
    {"$numberDouble", put_double},
    {"$numberDecimal", put_decimal},
    {"$binary", put_binary},
    {"$uuid", put_uuid},
    {"$regularExpression", put_regex},
    {"$timestamp", put_timestamp},
    {"$symbol", put_symbol},
    {"$code", put_code},
    {"$dbPointer", put_pointer},
    {"$undefined", put_undefined},
    {"$minKey", put_min_key},
    {"$maxKey", put_max_key},
};

const wrapper* wrapper_of(std::string_view key) {
    if (key.starts_with('$'))
        for (auto& w : wrappers)
            if (w.key == key) return &w;
    return nullptr;
}

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

// Code with scope is the one wrapper of two keys.
type put_scoped(byte_buffer& out, const json& v, const place& at) {
    auto [code, scope] = two_of(v, "$code", "$scope", at, "$code");
    if (!scope->is_object()) fail(at, "$scope needs an object");
    auto start = out.size();
    out.grow(4);
    append_text(out, text_of(*code, at, "$code"), at);
    put_members(out, *scope, at);
    detail::store_le(out.data() + start, static_cast<std::uint32_t>(out.size() - start));
    return type::code_with_scope;
}

type put_object(byte_buffer& out, const json& v, const place& at) {
    auto& members = v.get_ref<const json::object_t&>();
    if (!members.empty()) {
        auto& [key, content] = members.front();
        if (key == "$scope" || (key == "$code" && members.size() > 1)) {
            if (v.contains("$code")) return put_scoped(out, v, at);
        } else if (auto* w = wrapper_of(key)) {
            if (members.size() != 1) fail(at, key + " has other keys beside it");
            return w->put(out, content, at);
        }
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
