#include "log_format.hpp"

#include <array>
#include <ctime>

#include <nlohmann/json.hpp>

#include "exit.hpp"

namespace host {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warn", "error"};

/// How many bytes the UTF-8 character at the front has; 0 where it is none that may be printed.
std::size_t printable(std::string_view at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at[i]); };
    const auto first = byte(0);
    if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || at.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const auto second = byte(1);
    if (first == 0xe0 && second < 0xa0) return 0; // overlong
    if (first == 0xed && second > 0x9f) return 0; // a surrogate
    if (first == 0xf0 && second < 0x90) return 0;
    if (first == 0xf4 && second > 0x8f) return 0;
    // U+0080 to U+009F are control characters, U+2028 and U+2029 end lines for some readers.
    if (first == 0xc2 && second < 0xa0) return 0;
    if (first == 0xe2 && second == 0x80 && (byte(2) == 0xa8 || byte(2) == 0xa9)) return 0;
    return size;
}

void append_escaped(std::string& to, char c) {
    constexpr char digits[] = "0123456789abcdef";
    if (c == '\n') {
        to += "\\n";
    } else if (c == '\r') {
        to += "\\r";
    } else if (c == '\t') {
        to += "\\t";
    } else {
        const auto byte = static_cast<unsigned char>(c);
        to += "\\x";
        to += digits[byte >> 4];
        to += digits[byte & 15];
    }
}

/// Appends `text` without anything that is not for printing; `also` is escaped by a backslash.
void append_plain(std::string& to, std::string_view text, std::string_view also) {
    while (!text.empty()) {
        const auto n = printable(text);
        if (n == 0) {
            append_escaped(to, text.front());
        } else {
            if (n == 1 && also.find(text.front()) != std::string_view::npos) to += '\\';
            to += text.substr(0, n);
        }
        text.remove_prefix(n == 0 ? 1 : n);
    }
}

bool needs_quotes(std::string_view value) {
    if (value.empty()) return true;
    while (!value.empty()) {
        const auto n = printable(value);
        if (n == 0 || std::string_view(" \"\\=").find(value.front()) != std::string_view::npos)
            return true;
        value.remove_prefix(n);
    }
    return false;
}

void append_value(std::string& to, std::string_view value) {
    if (!needs_quotes(value)) {
        to += value;
        return;
    }
    to += '"';
    append_plain(to, value, "\"\\");
    to += '"';
}

std::string in_format(system_clock::time_point at, const char* format,
                      std::tm* (*broken_down)(const std::time_t*, std::tm*)) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    const auto ms = duration_cast<milliseconds>(at - seconds).count();
    const auto time = system_clock::to_time_t(seconds);
    std::tm parts{};
    broken_down(&time, &parts);
    std::array<char, 64> text{};
    const auto n = std::strftime(text.data(), text.size(), format, &parts);
    const auto digits = std::to_string(1000 + ms).substr(1);
    return std::string(text.data(), n) + "." + digits;
}

} // namespace

std::string_view to_string(oocrpc::log_level level) noexcept {
    return level_names[static_cast<std::size_t>(level)];
}

log_threshold log_threshold_of(std::string_view name) {
    if (name == "off") return std::nullopt;
    for (std::size_t i = 0; i < level_names.size(); ++i)
        if (level_names[i] == name) return static_cast<oocrpc::log_level>(i);
    throw failure(usage_error, "'" + std::string(name) +
                                   "' is no level of the log: debug, info, warn, error or off");
}

std::string text_without_time(const log_record& r) {
    std::string line;
    append_plain(line, r.component, {});
    line += ": ";
    append_plain(line, r.message, "\\");
    for (const auto& [name, value] : r.fields) {
        line += ' ';
        append_plain(line, name, {});
        line += '=';
        append_value(line, value);
    }
    return line;
}

std::string text_line(const log_record& r) {
    std::string line = in_format(r.time, "%Y-%m-%d %H:%M:%S", ::localtime_r);
    line += ' ';
    line += to_string(r.level);
    line += ' ';
    line += text_without_time(r);
    return line;
}

std::string json_line(const log_record& r) {
    nlohmann::ordered_json line;
    line["time"] = in_format(r.time, "%Y-%m-%dT%H:%M:%S", ::gmtime_r) + "Z";
    line["level"] = to_string(r.level);
    line["component"] = r.component;
    line["message"] = r.message;
    auto& fields = line["fields"] = nlohmann::ordered_json::object();
    for (const auto& [name, value] : r.fields) fields[name] = value;
    // ASCII: a control character above 127 steers terminals, and U+2028 ends lines for some
    // readers.
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace host
