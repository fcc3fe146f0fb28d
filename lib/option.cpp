#include <oocrpc/option.hpp>

#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <oocrpc/error.hpp>
#include <oocrpc/url.hpp>

#include "option_reading.hpp"

namespace oocrpc {
namespace detail {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* expected) {
    throw std::invalid_argument("'" + std::string(text) + "': expected " + expected);
}

/// All of `text` as a number.
template <class T> std::optional<T> whole(std::string_view text) {
    T value{};
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
}

} // namespace

bool read_flag(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    refuse(text, "true or false");
}

std::int64_t read_integer(std::string_view text) {
    if (const auto n = whole<std::int64_t>(text)) return *n;
    refuse(text, "a whole number");
}

double read_number(std::string_view text) {
    if (const auto n = whole<double>(text); n && std::isfinite(*n)) return *n;
    refuse(text, "a number");
}

std::chrono::milliseconds read_duration(std::string_view text) {
    const bool alone = !text.empty() && text.back() >= '0' && text.back() <= '9';
    return parse_duration(alone ? std::string(text) + "s" : std::string(text));
}

} // namespace detail

namespace {

/// What the limits of an option compare with; nothing where it has no size.
std::optional<double> read(const option& o, std::string_view value) {
    switch (o.type) {
    case option_type::text:
        return std::nullopt;
    case option_type::flag:
        detail::read_flag(value);
        return std::nullopt;
    case option_type::integer:
        return static_cast<double>(detail::read_integer(value));
    case option_type::number:
        return detail::read_number(value);
    case option_type::duration:
        return std::chrono::duration<double>(detail::read_duration(value)).count();
    case option_type::size:
        return static_cast<double>(parse_size(value));
    case option_type::url:
        url::parse(value);
        return std::nullopt;
    case option_type::address:
        host_port::parse(value);
        return std::nullopt;
    case option_type::file:
        if (value.empty()) throw std::invalid_argument("'': expected a path");
        return std::nullopt;
    }
    return std::nullopt;
}

std::string text_of(double n) {
    char text[32];
    const auto end = std::to_chars(std::begin(text), std::end(text), n).ptr;
    return {text, end};
}

std::string limits_of(const option& o) {
    const bool low = o.least > std::numeric_limits<double>::lowest();
    const bool high = o.most < std::numeric_limits<double>::max();
    const std::string unit = o.type == option_type::duration ? " s" : "";
    if (low && high) return "from " + text_of(o.least) + " to " + text_of(o.most) + unit;
    return (low ? "at least " + text_of(o.least) : "at most " + text_of(o.most)) + unit;
}

bool is_choice(std::string_view choices, std::string_view value) {
    for (;;) {
        const auto end = choices.find('|');
        if (choices.substr(0, end) == value) return true;
        if (end == choices.npos) return false;
        choices.remove_prefix(end + 1);
    }
}

std::string one_of(std::string_view choices) {
    std::string text;
    for (const char c : choices) text += c == '|' ? std::string(", ") : std::string(1, c);
    return "one of " + text;
}

} // namespace

std::string why_invalid(const option& o, std::string_view value) {
    const auto but = [&](const std::string& expected) {
        return "'" + std::string(value) + "': expected " + expected;
    };
    try {
        const auto size = read(o, value);
        if (size && (*size < o.least || *size > o.most)) return but(limits_of(o));
    } catch (const std::invalid_argument& e) {
        return e.what();
    } catch (const rpc_error& e) {
        return e.detail();
    }
    if (!o.choices.empty() && !is_choice(o.choices, value)) return but(one_of(o.choices));
    return o.check ? o.check(value) : std::string();
}

} // namespace oocrpc
