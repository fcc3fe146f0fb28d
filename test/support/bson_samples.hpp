#pragma once

// Documents for the tests of the BSON headers, written down byte by byte.

#include <oocrpc/bson.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace bson_samples {

using raw = std::vector<std::uint8_t>;

inline raw operator+(raw a, const raw& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline raw text(std::string_view s) {
    return raw(s.begin(), s.end());
}
inline raw cstring(std::string_view s) {
    return text(s) + raw{0};
}

inline raw number(std::uint64_t n, int size) {
    raw out;
    for (int i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(n >> (8 * i)));
    return out;
}

inline raw string(std::string_view s) {
    return number(s.size() + 1, 4) + cstring(s);
}

inline raw element(std::uint8_t type, std::string_view name, const raw& value) {
    return raw{type} + cstring(name) + value;
}

inline raw document(std::initializer_list<raw> elements) {
    raw body;
    for (auto& e : elements) body = body + e;
    return number(body.size() + 5, 4) + body + raw{0};
}

inline raw oid() {
    return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
}

inline raw scoped(std::string_view code, const raw& scope) {
    auto rest = string(code) + scope;
    return number(rest.size() + 4, 4) + rest;
}

/// Every type of the specification, in order of its number.
inline raw all_types() {
    return document({
        element(0x01, "float64", number(0x3ff8000000000000, 8)),
        element(0x02, "string", string("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z")),
        element(0x03, "document", document({element(0x10, "x", number(1, 4))})),
        element(0x04, "array",
                document({element(0x10, "0", number(1, 4)), element(0x12, "1", number(2, 8))})),
        element(0x05, "binary", number(3, 4) + raw{0x80, 7, 8, 9}),
        element(0x05, "binary2", number(6, 4) + raw{2} + number(2, 4) + raw{7, 8}),
        element(0x06, "undefined", {}),
        element(0x07, "object_id", oid()),
        element(0x08, "boolean", {1}),
        element(0x09, "datetime", number(1356351330501, 8)),
        element(0x0a, "null", {}),
        element(0x0b, "regex", cstring("^a.*\xc3\xa9$") + cstring("im")),
        element(0x0c, "db_pointer", string("db.c") + oid()),
        element(0x0d, "code", string("f()")),
        element(0x0e, "symbol", string("sym")),
        element(0x0f, "code_with_scope",
                scoped("g()", document({element(0x02, "s", string("t"))}))),
        element(0x10, "int32", number(0xfffffffe, 4)),
        element(0x11, "timestamp", number(0xfffffff000000002, 8)),
        element(0x12, "int64", number(5, 8)),
        element(0x13, "decimal128", number(150, 8) + number(0x303c000000000000, 8)),
        element(0x7f, "max_key", {}),
        element(0xff, "min_key", {}),
    });
}

inline oocrpc::bson::value_view view(const raw& document) {
    return {oocrpc::bson::type::document, document};
}

/// What validate() says, or "" for a valid document.
inline std::string fault_of(const raw& bytes, std::size_t max_depth = 100) {
    // A copy of exactly that size, so that a sanitizer sees a read behind the end.
    std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    exact.shrink_to_fit();
    auto fault = oocrpc::bson::validate(exact, max_depth);
    return fault ? std::to_string(fault->offset) + ": " + std::string(fault->what) : "";
}

} // namespace bson_samples
