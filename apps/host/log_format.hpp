#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <oocrpc/plugin.hpp>

namespace host {

/// One entry of the log.
struct log_record {
    std::chrono::system_clock::time_point time;
    oocrpc::log_level level = oocrpc::log_level::info;
    std::string_view component;
    std::string_view message;
    const oocrpc::log_fields& fields;
};

/// `debug`, `info`, `warn` or `error`.
std::string_view to_string(oocrpc::log_level level) noexcept;
/// The lowest level that is written; none where the log is off.
using log_threshold = std::optional<oocrpc::log_level>;
/// That of a level's name or `off`; throws failure(usage_error) that lists them.
log_threshold log_threshold_of(std::string_view name);

/// `2026-11-22 03:04:05.678 info poems: listening listener=oocrpc://...`, local time, no newline.
///
/// A value that is empty or has a space, a quote, a backslash, `=` or a control character stands in
/// double quotes; control characters are escaped everywhere (`\n`, `\x1b`), and so is what is no
/// UTF-8, so that nobody who gets a text into the log can begin a line of his own or steer a
/// terminal.
std::string text_line(const log_record& r);
/// The same from the component on, for syslog, which has time and level of its own.
std::string text_without_time(const log_record& r);
/// One JSON object, as README.md describes it, without a newline; invalid UTF-8 is replaced.
std::string json_line(const log_record& r);

} // namespace host
