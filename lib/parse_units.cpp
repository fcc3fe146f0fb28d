#include <oocrpc/option.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace oocrpc {
namespace {

struct unit {
    std::string_view name;
    double factor;
};

constexpr unit spans[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
constexpr unit sizes[] = {{"", 1},           {"B", 1},    {"KiB", 1024.},
                          {"MiB", 1048576.}, {"kB", 1e3}, {"GiB", 1073741824.},
                          {"MB", 1e6},       {"GB", 1e9}};

// Larger numbers are no longer exact in a double, and nobody means them.
constexpr double most = 9'007'199'254'740'992.0;

[[noreturn]] void refuse(std::string_view what, std::string_view text, const char* reason) {
    throw std::invalid_argument("'" + std::string(text) + "' is no " + std::string(what) + ": " +
                                reason);
}

template <std::size_t N>
double parse(std::string_view text, std::string_view what, const unit (&units)[N],
             const char* expected) {
    double number = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error == std::errc::invalid_argument || !std::isfinite(number) || text.front() == '-')
        refuse(what, text, expected);
    const std::string_view name(rest, static_cast<std::size_t>(end - rest));
    for (const auto& u : units) {
        if (u.name != name && !(name.empty() && number == 0)) continue;
        const double total = number * u.factor;
        if (error == std::errc::result_out_of_range || total > most)
            refuse(what, text, "too large");
        return std::round(total);
    }
    refuse(what, text, expected);
}

} // namespace

std::chrono::milliseconds parse_duration(std::string_view text) {
    const double ms =
        parse(text, "duration", spans, "expected a number and ms, s, m or h, such as 500ms");
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

std::size_t parse_size(std::string_view text) {
    const double bytes = parse(text, "size", sizes,
                               "expected a number of bytes, also with KiB, MiB or GiB, "
                               "such as 64MiB");
    return static_cast<std::size_t>(bytes);
}

} // namespace oocrpc
