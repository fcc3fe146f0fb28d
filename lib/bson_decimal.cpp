#include "bson_decimal.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace oocrpc::bson {
namespace {

__extension__ using uint128 = unsigned __int128;

constexpr int bias = 6176, most_exponent = 6111;
constexpr std::size_t most_digits = 34;
constexpr std::uint64_t sign_bit = 1ull << 63, infinity = 0x1eull << 58,
                        not_a_number = 0x1full << 58;

constexpr uint128 power_of_ten(std::size_t n) {
    return n ? power_of_ten(n - 1) * 10 : 1;
}

std::string digits_of(uint128 n) {
    std::string text;
    do text += static_cast<char>('0' + static_cast<int>(n % 10));
    while (n /= 10);
    std::reverse(text.begin(), text.end());
    return text;
}

bool equal_no_case(std::string_view a, std::string_view lower) {
    return std::ranges::equal(a, lower, [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
    });
}

// A coefficient without leading zeros (one zero for zero) and its exponent.
struct number {
    std::string digits;
    std::int64_t exponent;
};

std::optional<number> parse(std::string_view text) {
    number n{{}, 0};
    bool any = false, point = false;
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
        auto c = text[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        any = true;
        if (point) --n.exponent;
        if (c != '0' || !n.digits.empty()) n.digits += c;
    }
    if (!any) return {};
    if (n.digits.empty()) n.digits.push_back('0');
    if (i == text.size()) return n;
    if (text[i] != 'e' && text[i] != 'E') return {};
    auto rest = text.substr(i + 1);
    if (rest.starts_with('+') && !rest.starts_with("+-")) rest.remove_prefix(1);
    std::int32_t exponent;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), exponent);
    if (rest.empty() || end != rest.data() + rest.size()) return {};
    constexpr std::int64_t beyond = std::numeric_limits<std::int32_t>::max(); // good for zero only
    if (error == std::errc::result_out_of_range)
        n.exponent += rest.front() == '-' ? -beyond : beyond;
    else if (error != std::errc{})
        return {};
    else
        n.exponent += exponent;
    return n;
}

// Moves zeros between coefficient and exponent until both are in range; false where only rounding
// would do it.
bool fit(number& n) {
    if (n.digits == "0") {
        n.exponent = std::clamp<std::int64_t>(n.exponent, -bias, most_exponent);
        return true;
    }
    while ((n.digits.size() > most_digits || n.exponent < -bias) && n.digits.size() > 1) {
        if (n.digits.back() != '0') return false;
        n.digits.pop_back();
        ++n.exponent;
    }
    if (n.exponent > most_exponent) {
        auto zeros = static_cast<std::uint64_t>(n.exponent - most_exponent);
        if (zeros > most_digits - n.digits.size()) return false;
        n.digits.append(zeros, '0');
        n.exponent = most_exponent;
    }
    return n.exponent >= -bias;
}

} // namespace

std::string to_text(decimal128 d) {
    std::string text = d.high & sign_bit ? "-" : "";
    auto combination = d.high & not_a_number;
    if (combination == not_a_number) return "NaN";
    if (combination == infinity) return text + "Infinity";

    uint128 coefficient = 0;
    int exponent;
    if ((d.high >> 61 & 3) == 3) {
        // The long form would begin at 2^113, above 34 digits: the standard reads it as zero.
        exponent = static_cast<int>(d.high >> 47 & 0x3fff) - bias;
    } else {
        exponent = static_cast<int>(d.high >> 49 & 0x3fff) - bias;
        coefficient = static_cast<uint128>(d.high & ((1ull << 49) - 1)) << 64 | d.low;
        if (coefficient >= power_of_ten(most_digits)) coefficient = 0;
    }

    auto digits = digits_of(coefficient);
    auto count = static_cast<int>(digits.size());
    auto scientific = count - 1 + exponent;
    if (exponent > 0 || scientific < -6) {
        text += digits[0];
        if (count > 1) text.append(1, '.').append(digits, 1);
        return text.append(scientific < 0 ? "E" : "E+").append(std::to_string(scientific));
    }
    if (exponent == 0) return text + digits;
    auto whole = count + exponent;
    if (whole > 0)
        return text.append(digits, 0, static_cast<std::size_t>(whole))
            .append(1, '.')
            .append(digits, static_cast<std::size_t>(whole));
    return text.append("0.").append(static_cast<std::size_t>(-whole), '0').append(digits);
}

std::optional<decimal128> decimal128_from_text(std::string_view text) {
    std::uint64_t sign = 0;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        if (text[0] == '-') sign = sign_bit;
        text.remove_prefix(1);
    }
    if (equal_no_case(text, "nan")) return decimal128{0, not_a_number};
    if (equal_no_case(text, "inf") || equal_no_case(text, "infinity"))
        return decimal128{0, sign | infinity};
    auto n = parse(text);
    if (!n || !fit(*n)) return {};
    uint128 coefficient = 0;
    for (auto c : n->digits) coefficient = coefficient * 10 + static_cast<unsigned>(c - '0');
    return decimal128{static_cast<std::uint64_t>(coefficient),
                      sign | static_cast<std::uint64_t>(n->exponent + bias) << 49 |
                          static_cast<std::uint64_t>(coefficient >> 64)};
}

} // namespace oocrpc::bson
