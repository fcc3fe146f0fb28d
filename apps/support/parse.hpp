#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace oocrpc::apps {

/// A span of time such as `500ms`, `2s`, `1.5s`, `5m`, `1h`; a number without unit is refused, but
/// for 0. Rounded to milliseconds. Throws std::invalid_argument that names the text and what is
/// wrong with it.
std::chrono::milliseconds parse_duration(std::string_view text);

/// A number of bytes such as `4096`, `64KiB`, `64MiB`, `1GiB`, also `kB`, `MB`, `GB` for powers of
/// 1000. Throws std::invalid_argument that names the text and what is wrong with it.
std::size_t parse_size(std::string_view text);

} // namespace oocrpc::apps
