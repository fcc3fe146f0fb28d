#pragma once

// Between BSON and the dynamic value. Types that JSON lacks appear as MongoDB Extended JSON v2
// (https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md),
// binary as nlohmann's binary value with its subtype.

#include <oocrpc/bson.hpp>
#include <oocrpc/value.hpp>

#include <string>

namespace oocrpc::bson {

/// How numbers and dates appear in JSON.
enum class json_mode {
    relaxed,   ///< plain numbers, dates as text; NaN and infinities keep their wrapper
    canonical, ///< $numberInt, $numberLong, $numberDouble and $date in ms: every width is kept
};

/// The value as JSON. `v` has to be validated; its depth bounds the recursion.
///
/// In canonical mode put() gives the same bytes again, but for what has no text of its own: the
/// payload of a NaN, a decimal128 that is not canonical, the names of an array's elements where
/// they do not count from 0, and a document that looks like a wrapper. The options of a regular
/// expression come in alphabetical order, as BSON wants them. Keys that come twice stay both.
json to_json(value_view v, json_mode mode = json_mode::relaxed);

/// Appends the bytes of `v`, with Extended JSON wrappers turned back into what they stand for, and
/// returns the type. A plain integer becomes int32 where it fits, int64 else.
///
/// An object that has the key of a wrapper, wherever among the others, has to be a correct one:
/// Extended JSON has no way to spell a document that looks like a wrapper. A DBRef and the forms of
/// version 1 are none: `$ref`, `$regex` and `$type` stay keys of documents, and `$binary` beside
/// `$type` is an error. Throws rpc_error(invalid_argument), with the path and the reason, for a bad
/// wrapper, an integer above int64, text that is not UTF-8, and a depth above 100.
type put(byte_buffer& out, const json& v);

/// Appends `document`, which has to be an object; its own keys are never taken for a wrapper.
void put_document(byte_buffer& out, const json& document);

/// One line of text for people and files: binary values become {"$binary": ...}, NaN and infinities
/// {"$numberDouble": ...}. Canonical mode wraps plain numbers too. Text that is not UTF-8 gets
/// replacement characters.
std::string to_text(const json& v, json_mode mode = json_mode::relaxed);
/// The same for BSON, straight from its bytes, which have to be validated: doubles have the
/// shortest text that reads back as them.
std::string to_text(value_view v, json_mode mode = json_mode::relaxed);

} // namespace oocrpc::bson
