#include "bson_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

namespace oocrpc::bson {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr auto base64_values = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < base64_digits.size(); ++i)
        table[static_cast<unsigned char>(base64_digits[i])] = static_cast<std::int8_t>(i);
    return table;
}();

// Reads a text from the front, piece by piece; after the first that does not fit, ok is false.
struct reader {
    std::string_view rest;
    bool ok = true;

    bool next(char c) {
        if (rest.empty() || rest.front() != c) return false;
        rest.remove_prefix(1);
        return true;
    }
    void skip(char c) { ok = next(c) && ok; }
    int number(std::size_t digits) {
        int n = 0;
        if (rest.size() < digits) return ok = false;
        for (auto c : rest.substr(0, digits)) {
            if (c < '0' || c > '9') return ok = false;
            n = n * 10 + (c - '0');
        }
        rest.remove_prefix(digits);
        return n;
    }
};

} // namespace

std::string to_hex(bytes data) {
    std::string text;
    text.reserve(data.size() * 2);
    for (auto byte : data) {
        text += hex_digits[byte >> 4];
        text += hex_digits[byte & 15];
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text) {
    if (text.size() % 2) return {};
    std::vector<std::uint8_t> data;
    data.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        auto high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) return {};
        data.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return data;
}

std::string to_base64(bytes data) {
    std::string text;
    text.reserve((data.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < data.size(); i += 3) {
        auto left = data.size() - i;
        auto group = static_cast<unsigned>(data[i] << 16 | (left > 1 ? data[i + 1] << 8 : 0) |
                                           (left > 2 ? data[i + 2] : 0));
        text += base64_digits[group >> 18];
        text += base64_digits[group >> 12 & 63];
        text += left > 1 ? base64_digits[group >> 6 & 63] : '=';
        text += left > 2 ? base64_digits[group & 63] : '=';
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4) return {};
    std::vector<std::uint8_t> data;
    data.reserve(text.size() / 4 * 3);
    std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    text.remove_suffix(padding);
    unsigned group = 0, bits = 0;
    for (auto c : text) {
        auto value = base64_values[static_cast<unsigned char>(c)];
        if (value < 0) return {};
        group = (group << 6 | static_cast<unsigned>(value)) & 0xffffff;
        if ((bits += 6) < 8) continue;
        bits -= 8;
        data.push_back(static_cast<std::uint8_t>(group >> bits));
    }
    if (group & ((1u << bits) - 1)) return {}; // two texts must not stand for the same bytes
    return data;
}

std::optional<std::string> date_to_text(std::int64_t milliseconds) {
    using namespace std::chrono;
    constexpr std::int64_t end = 253402300800000; // the year 10000
    if (milliseconds < 0 || milliseconds >= end) return {};
    sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(milliseconds)};
    auto day = floor<days>(at);
    year_month_day date(day);
    hh_mm_ss time(at - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                  unsigned(date.month()), unsigned(date.day()), int(time.hours().count()),
                  int(time.minutes().count()), int(time.seconds().count()));
    std::string result = text;
    if (auto part = time.subseconds().count()) {
        std::snprintf(text, sizeof text, ".%03d", int(part));
        result += text;
    }
    return result + "Z";
}

std::optional<std::int64_t> date_from_text(std::string_view text) {
    using namespace std::chrono;
    reader in{text};
    auto y = in.number(4);
    in.skip('-');
    auto m = in.number(2);
    in.skip('-');
    auto d = in.number(2);
    if (!in.next('t')) in.skip('T');
    auto hour = in.number(2);
    in.skip(':');
    auto minute = in.number(2);
    in.skip(':');
    auto second = in.number(2);
    int part = 0;
    if (in.next('.')) {
        std::size_t digits = 0;
        while (digits < 3 && digits < in.rest.size() && in.rest[digits] >= '0' &&
               in.rest[digits] <= '9')
            ++digits;
        part = in.number(digits);
        if (digits == 0) in.ok = false;
        for (; digits < 3; ++digits) part *= 10;
    }
    int offset = 0;
    if (!in.next('Z') && !in.next('z')) {
        auto sign = in.next('-') ? -1 : 1;
        if (sign > 0) in.skip('+');
        auto hours_off = in.number(2);
        in.next(':');
        auto minutes_off = in.number(2);
        if (hours_off > 23 || minutes_off > 59) return {};
        offset = sign * (hours_off * 60 + minutes_off);
    }
    year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
    if (!in.ok || !in.rest.empty() || !date.ok() || hour > 23 || minute > 59 || second > 59)
        return {};
    return std::int64_t{sys_days(date).time_since_epoch().count()} * 86'400'000 +
           ((hour * 60 + minute - offset) * 60 + second) * 1000 + part;
}

std::string double_to_text(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
    char text[64];
    auto write = [&](std::chars_format format) -> std::string_view {
        return {text, std::to_chars(text, text + sizeof text, d, format).ptr};
    };
    auto scientific = write(std::chars_format::scientific);
    auto mark = scientific.find('e');
    auto digits = std::string(scientific.substr(0, mark));
    scientific.remove_prefix(mark + (scientific[mark + 1] == '+' ? 2 : 1));
    int exponent = 0;
    std::from_chars(scientific.data(), scientific.data() + scientific.size(), exponent);
    // The lower bound is that of decimal128; above the upper one digits would be invented.
    if (exponent < -6 || exponent > 15)
        return digits + (exponent < 0 ? "E" : "E+") + std::to_string(exponent);
    std::string result(write(std::chars_format::fixed));
    if (result.find('.') == result.npos) result += ".0";
    return result;
}

std::optional<double> double_from_text(std::string_view text) {
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    double d;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), d);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(d)) return {};
    return d;
}

std::string in_order(std::string_view options) {
    std::string sorted(options);
    auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    // Options that no specification knows stay as they are, so that they remain UTF-8.
    if (std::ranges::all_of(sorted, ascii)) std::ranges::sort(sorted);
    return sorted;
}

} // namespace oocrpc::bson
