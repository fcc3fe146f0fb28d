#pragma once

// C++ values to BSON and back, directly: no tree between them, no macros in the types.
//
//   C++                                        BSON
//   bool, (u)int8..int32                       bool, int32 (uint32: int64)
//   int64, uint64 up to the int64 maximum      int64
//   enumerations                               as their underlying type
//   float, double                              double
//   std::string, string_view, const char*      string
//   nullptr_t, monostate, empty optional       null
//   runs of uint8_t or std::byte               binary, subtype 0
//   system_clock time points                   datetime, rounded down to ms
//   maps with string keys, plain structs       document
//   other ranges, tuples, pairs                array
//   types with to_json/from_json (nlohmann)    what these make of them
//   json, value, value_view                    any

#include <oocrpc/detail/bson_get.hpp>
#include <oocrpc/detail/bson_put.hpp>

namespace oocrpc::bson {

// Declared in bson.hpp, which says what it does.
template <class T> type put(byte_buffer& out, const T& value) {
    return detail::put_value(out, value);
}

/// Reads `v`, which is validated, into `out`; false, and why in `e`, where it does not fit.
///
/// An integer of either width fits every C++ integer that can hold it, and a double that can hold
/// it exactly; nothing else is converted. Keys that a struct does not know are ignored, a missing
/// one is an error unless the member is optional; of equal keys the first counts. string_view,
/// bytes and value_view point into the document. After an error `out` is valid but unspecified.
template <class T> bool get(value_view v, T& out, read_error& e) {
    return detail::get_value(v, out, e);
}

/// A value that owns the BSON of `from`.
template <class T> value to_value(const T& from) {
    byte_buffer out;
    auto t = put(out, from);
    return value(value_view{t, out});
}

/// What a caller has to send for a T, such as "array<int32>" or "{x: double, y: double}".
template <class T> std::string type_name() {
    return detail::type_name_in<std::remove_cvref_t<T>>();
}

} // namespace oocrpc::bson
