#include "units.hpp"

#include <charconv>
#include <utility>

#include <oocrpc/error.hpp>

#include "reply_cache.hpp"

namespace oocrpc::proxy {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* expected) {
    throw rpc_error(errc::invalid_argument,
                    "'" + std::string(text) + "': expected " + std::string(expected));
}

using unit = std::pair<std::string_view, std::int64_t>;

/// A whole number and one of `units`.
template <class Units>
std::int64_t parse(std::string_view text, const Units& units, const char* expected) {
    std::int64_t n = 0;
    const auto* end = text.data() + text.size();
    const auto [behind, ec] = std::from_chars(text.data(), end, n);
    if (ec != std::errc() || n < 0) refuse(text, expected);
    const std::string_view name(behind, static_cast<std::size_t>(end - behind));
    for (const auto& [known, factor] : units) {
        if (known != name) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(n, factor, &product)) refuse(text, expected);
        return product;
    }
    refuse(text, expected);
}

constexpr unit times[]{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
constexpr unit sizes[]{{"", 1},          {"B", 1},          {"kB", 1000},
                       {"KB", 1000},     {"MB", 1'000'000}, {"GB", 1'000'000'000},
                       {"KiB", 1 << 10}, {"MiB", 1 << 20},  {"GiB", 1 << 30}};

} // namespace

std::chrono::milliseconds parse_time(std::string_view text) {
    return std::chrono::milliseconds(parse(text, times, "a time such as 60s, 1500ms, 5m or 1h"));
}

std::size_t parse_size(std::string_view text) {
    return static_cast<std::size_t>(
        parse(text, sizes, "a number of bytes such as 1000000, 64MiB or 1GB"));
}

cached_method parse_cached_method(std::string_view text) {
    const auto at = text.find('=');
    cached_method m{std::string(text.substr(0, at)), cache_rules::default_ttl};
    if (m.method.empty()) refuse(text, "METHOD or METHOD=TTL");
    if (at != text.npos) m.ttl = parse_time(text.substr(at + 1));
    return m;
}

text_port parse_text_port(std::string_view text) {
    const auto at = text.find('=');
    if (at == text.npos || at + 1 == text.size()) refuse(text, "HOST:PORT=METHOD");
    return {host_port::parse(text.substr(0, at)), std::string(text.substr(at + 1))};
}

} // namespace oocrpc::proxy
