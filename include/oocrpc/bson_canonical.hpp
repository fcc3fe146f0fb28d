#pragma once

// One byte string for all spellings of the same arguments: the key of a cache, or of the calls that
// are in flight together.

#include <oocrpc/bson.hpp>

namespace oocrpc::bson {

/// Appends a byte string that two values share exactly if they are equal as arguments.
///
/// The order of keys and the width of integers do not matter; an integer and a double of the same
/// value differ, as do all other types, and arrays keep their order (the names in an array mean
/// nothing). No string is the beginning of another one. `v` has to be validated.
void append_canonical(byte_buffer& out, value_view v);

} // namespace oocrpc::bson
