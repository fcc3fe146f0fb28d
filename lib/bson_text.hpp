#pragma once

// The text forms inside Extended JSON: hexadecimal, base64, dates, doubles.

#include <oocrpc/byte_buffer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oocrpc::bson {

std::string to_hex(bytes data);
/// Nothing unless `text` is an even number of hexadecimal digits.
std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

/// RFC 4648 section 4, with padding.
std::string to_base64(bytes data);
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

/// RFC 3339 with milliseconds where there are any; nothing outside the years 1970 to 9999.
std::optional<std::string> date_to_text(std::int64_t milliseconds);
/// Milliseconds since 1970; takes any offset, and up to three digits of a second's fraction.
std::optional<std::int64_t> date_from_text(std::string_view text);

/// The shortest text that reads back as the same double, always with a point or an exponent, such
/// as "1.0" or "1.5E+20"; "NaN", "Infinity", "-Infinity".
std::string double_to_text(double d);
std::optional<double> double_from_text(std::string_view text);

/// The options of a regular expression in the alphabetical order that BSON wants them in.
std::string in_order(std::string_view options);

} // namespace oocrpc::bson
