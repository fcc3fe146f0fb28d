#pragma once

#include <string_view>

#include <oocrpc/bson.hpp>

namespace oocrpc::cli {

/// Whoever read our stdout closed it: nothing is left to do, and that is no error.
struct output_closed {};

/// Writes one line to stdout at once. Throws output_closed where nobody reads it any more, and
/// std::system_error where it cannot be written otherwise.
void print_line(std::string_view text);

/// Writes bytes to stdout at once; throws as print_line() does.
void print_bytes(bytes data);

/// How a value is written.
enum class layout { compact, indented };

/// Prints a value as JSON: one line, or indented where it is an object or an array.
void print_value(bson::value_view v, layout how);

} // namespace oocrpc::cli
