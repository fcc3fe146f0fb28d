#pragma once

#include <optional>

#include <oocrpc/bson.hpp>

namespace oocrpc::mongodb {

// Numbers and booleans as MongoDB's programs send them, of whatever type. Lenient is the reading
// of what drivers and servers add, strict that of what a person asks for.

/// A number as an integer, without its fraction; nothing for what is none or not within int64.
std::optional<std::int64_t> lenient_integer(bson::value_view v) noexcept;
/// An int32, an int64, or a double that holds an integer; nothing for all else.
std::optional<std::int64_t> strict_integer(bson::value_view v) noexcept;
/// True, or a number other than 0.
bool lenient_true(bson::value_view v) noexcept;
/// True, or what strict_integer() takes for one other than 0.
bool strict_true(bson::value_view v) noexcept;

} // namespace oocrpc::mongodb
