#include "bson_wrappers.hpp"

#include <oocrpc/detail/bson_put.hpp>
#include <oocrpc/error.hpp>

#include "bson_decimal.hpp"
#include "bson_text.hpp"

#include <charconv>

namespace oocrpc::bson {
namespace {

std::string path_of(const place* at) {
    if (!at->outer) return {};
    auto path = path_of(at->outer);
    if (!at->key) return path + "[" + std::to_string(at->index) + "]";
    return path.empty() ? *at->key : path + "." + *at->key;
}

} // namespace

void fail(const place& at, std::string reason) {
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

std::pair<const json*, const json*> two_of(const json& v, const char* first, const char* second,
                                           const place& at, const char* wrapper) {
    if (v.is_object() && v.size() == 2)
        if (auto a = v.find(first), b = v.find(second); a != v.end() && b != v.end())
            return {&*a, &*b};
    fail(at, std::string(wrapper) + " needs exactly " + first + " and " + second);
}

namespace {

void append_cstring(byte_buffer& out, const std::string& text, const place& at) {
    if (!is_utf8(text)) fail(at, "a regular expression is not UTF-8");
    if (text.find('\0') != text.npos) fail(at, "a regular expression holds a NUL character");
    out.append(text);
    out.push_back(0);
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
    append_cstring(out, in_order(text_of(*options, at, "options")), at);
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
    if (!v.is_number_integer() || v != 1) fail(at, "$minKey needs 1");
    return type::min_key;
}

type put_max_key(byte_buffer&, const json& v, const place& at) {
    if (!v.is_number_integer() || v != 1) fail(at, "$maxKey needs 1");
    return type::max_key;
}

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
    {"$dbPointer", put_pointer},
    {"$undefined", put_undefined},
    {"$minKey", put_min_key},
    {"$maxKey", put_max_key},
};

} // namespace

const wrapper* wrapper_of(std::string_view key) {
    if (key.starts_with('$'))
        for (auto& w : wrappers)
            if (w.key == key) return &w;
    return nullptr;
}

} // namespace oocrpc::bson
