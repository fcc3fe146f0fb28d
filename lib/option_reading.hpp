#pragma once

#include <oocrpc/option.hpp>

namespace oocrpc::detail {

// Values of options by their type. All throw std::invalid_argument, or rpc_error(invalid_argument),
// that says what is wrong with the text.

bool read_flag(std::string_view text);
std::int64_t read_integer(std::string_view text);
double read_number(std::string_view text);
/// As parse_duration(), but a number alone is seconds.
std::chrono::milliseconds read_duration(std::string_view text);

} // namespace oocrpc::detail
