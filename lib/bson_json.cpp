#include <oocrpc/bson_json.hpp>

#include "bson_decimal.hpp"
#include "bson_text.hpp"

#include <cmath>

namespace oocrpc::bson {
namespace {

json wrapped(const char* key, json content) {
    json object = json::object();
    object.emplace(key, std::move(content));
    return object;
}

json double_to_json(double d, json_mode mode) {
    if (mode == json_mode::canonical || !std::isfinite(d))
        return wrapped("$numberDouble", double_to_text(d));
    return d;
}

json date_to_json(std::int64_t milliseconds, json_mode mode) {
    if (mode == json_mode::relaxed)
        if (auto text = date_to_text(milliseconds)) return wrapped("$date", std::move(*text));
    return wrapped("$date", wrapped("$numberLong", std::to_string(milliseconds)));
}

std::string_view text_at(bytes data) {
    return value_view{type::string, data}.as_string();
}

json regex_to_json(bytes data) {
    std::string_view pattern(reinterpret_cast<const char*>(data.data()));
    std::string_view options(pattern.data() + pattern.size() + 1);
    auto content = json::object();
    content.emplace("pattern", pattern);
    content.emplace("options", in_order(options));
    return wrapped("$regularExpression", std::move(content));
}

json timestamp_to_json(bytes data) {
    auto content = json::object();
    content.emplace("t", detail::load_le<std::uint32_t>(data.data() + 4));
    content.emplace("i", detail::load_le<std::uint32_t>(data.data()));
    return wrapped("$timestamp", std::move(content));
}

json pointer_to_json(bytes data) {
    auto content = json::object();
    content.emplace("$ref", text_at(data.first(data.size() - 12)));
    content.emplace("$id", wrapped("$oid", to_hex(data.last(12))));
    return wrapped("$dbPointer", std::move(content));
}

json scoped_to_json(bytes data, json_mode mode) {
    auto code = data.subspan(4, 4 + detail::load_le<std::uint32_t>(data.data() + 4));
    auto object = wrapped("$code", text_at(code));
    object.emplace("$scope", to_json({type::document, data.subspan(4 + code.size())}, mode));
    return object;
}

json document_to_json(bytes document, json_mode mode) {
    json object = json::object();
    // The base class, because ordered_map itself looks for the key among all before it, which takes
    // minutes for a document of a million keys, and drops a key that comes twice.
    std::vector<json::object_t::value_type>& members = object.get_ref<json::object_t&>();
    for (auto& [name, v] : elements(document)) members.emplace_back(name, to_json(v, mode));
    return object;
}

json array_to_json(bytes document, json_mode mode) {
    json array = json::array();
    for (auto& e : elements(document)) array.push_back(to_json(e.value, mode));
    return array;
}

json binary_to_text(const json::binary_t& binary) {
    auto subtype = static_cast<std::uint8_t>(binary.has_subtype() ? binary.subtype() : 0);
    auto content = json::object();
    content.emplace("base64", to_base64(binary));
    content.emplace("subType", to_hex({&subtype, 1}));
    return wrapped("$binary", std::move(content));
}

json integer_to_text(const json& v, json_mode mode) {
    if (mode == json_mode::relaxed) return v;
    auto small = v.is_number_unsigned() ? v.get<std::uint64_t>() <= 0x7fffffff
                                        : v.get<std::int64_t>() == v.get<std::int32_t>();
    return wrapped(small ? "$numberInt" : "$numberLong", v.dump());
}

// The same value without binaries and non-finite numbers, which JSON text cannot hold.
json printable(const json& v, json_mode mode) {
    switch (v.type()) {
    case json::value_t::binary:
        return binary_to_text(v.get_binary());
    case json::value_t::number_float:
        return double_to_json(v.get<double>(), mode);
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
        return integer_to_text(v, mode);
    case json::value_t::array: {
        auto array = json::array();
        for (auto& item : v) array.push_back(printable(item, mode));
        return array;
    }
    case json::value_t::object: {
        auto object = json::object();
        std::vector<json::object_t::value_type>& members = object.get_ref<json::object_t&>();
        for (auto& [name, item] : v.get_ref<const json::object_t&>()) {
            // The numbers inside of these wrappers are plain in both modes.
            auto fixed = name == "$timestamp" || name == "$minKey" || name == "$maxKey";
            members.emplace_back(name, printable(item, fixed ? json_mode::relaxed : mode));
        }
        return object;
    }
    default:
        return v;
    }
}

} // namespace

json to_json(value_view v, json_mode mode) {
    auto canonical = mode == json_mode::canonical;
    switch (v.t) {
    case type::float64:
        return double_to_json(v.as_double(), mode);
    case type::string:
        return v.as_string();
    case type::document:
        return document_to_json(v.data, mode);
    case type::array:
        return array_to_json(v.data, mode);
    case type::binary: {
        auto [subtype, data] = v.as_binary();
        return json::binary(std::vector<std::uint8_t>(data.begin(), data.end()), subtype);
    }
    case type::undefined:
        return wrapped("$undefined", true);
    case type::object_id:
        return wrapped("$oid", to_hex(v.data));
    case type::boolean:
        return v.as_bool();
    case type::datetime:
        return date_to_json(v.as_int64(), mode);
    case type::null:
        return nullptr;
    case type::regex:
        return regex_to_json(v.data);
    case type::db_pointer:
        return pointer_to_json(v.data);
    case type::code:
        return wrapped("$code", v.as_string());
    case type::symbol:
        return wrapped("$symbol", v.as_string());
    case type::code_with_scope:
        return scoped_to_json(v.data, mode);
    case type::int32:
        if (canonical) return wrapped("$numberInt", std::to_string(v.as_int32()));
        return v.as_int32();
    case type::timestamp:
        return timestamp_to_json(v.data);
    case type::int64:
        if (canonical) return wrapped("$numberLong", std::to_string(v.as_int64()));
        return v.as_int64();
    case type::decimal128:
        return wrapped("$numberDecimal",
                       to_text(decimal128{detail::load_le<std::uint64_t>(v.data.data()),
                                          detail::load_le<std::uint64_t>(v.data.data() + 8)}));
    case type::max_key:
        return wrapped("$maxKey", 1);
    case type::min_key:
        return wrapped("$minKey", 1);
    }
    return nullptr;
}

std::string to_text(const json& v, json_mode mode) {
    return printable(v, mode).dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace oocrpc::bson
