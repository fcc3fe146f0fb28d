#pragma once

// Messages of MongoDB's wire protocol, laid out by hand from the specification.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/bson_value.hpp>

namespace oocrpc::test::mongodb {

inline bytes view(std::string_view data) {
    return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}
inline std::string text(bytes data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}
inline std::string number(std::uint64_t n, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
    return out;
}
inline std::string int32(std::int64_t n) {
    return number(static_cast<std::uint64_t>(n), 4);
}
inline std::string int64(std::int64_t n) {
    return number(static_cast<std::uint64_t>(n), 8);
}
inline std::string cstring(std::string_view s) {
    return std::string(s) + '\0';
}
/// A document, from JSON.
inline std::string document(std::string_view json_text) {
    byte_buffer b;
    bson::put(b, json::parse(json_text));
    return text(b);
}
inline json to_json(bytes document) {
    return bson::to_json({bson::type::document, document});
}

/// A whole message around `body`.
inline std::string message(std::int32_t operation, std::string_view body, std::int32_t id = 7,
                           std::int32_t to = 0) {
    return int32(static_cast<std::int64_t>(body.size() + 16)) + int32(id) + int32(to) +
           int32(operation) + std::string(body);
}
inline std::string body_section(std::string_view json_text) {
    return '\0' + document(json_text);
}
/// A section of kind 1 around `documents`, which stand one behind the other.
inline std::string list_section(std::string_view name, std::string_view documents) {
    return '\1' + int32(static_cast<std::int64_t>(4 + name.size() + 1 + documents.size())) +
           cstring(name) + std::string(documents);
}
/// OP_MSG with that body, and further sections.
inline std::string msg(std::string_view json_text, std::uint32_t flags = 0, std::int32_t id = 7,
                       std::string_view sections = {}) {
    return message(2013, int32(flags) + body_section(json_text) + std::string(sections), id);
}
inline std::string query(std::string_view name, std::string_view json_text,
                         std::int32_t wanted = -1, std::int32_t flags = 0, std::int32_t id = 7,
                         std::int32_t skip = 0, std::string_view fields = {}) {
    return message(2004,
                   int32(flags) + cstring(name) + int32(skip) + int32(wanted) +
                       document(json_text) + std::string(fields),
                   id);
}

} // namespace oocrpc::test::mongodb
