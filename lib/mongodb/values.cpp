#include "values.hpp"

#include <cmath>

namespace oocrpc::mongodb {
namespace {

using bson::type;
using bson::value_view;

std::optional<std::int64_t> whole_number(value_view v) noexcept {
    if (v.t == type::int32) return v.as_int32();
    if (v.t == type::int64) return v.as_int64();
    return std::nullopt;
}

} // namespace

std::optional<std::int64_t> lenient_integer(value_view v) noexcept {
    if (v.t != type::float64) return whole_number(v);
    const auto d = v.as_double();
    if (!(std::abs(d) < 9e18)) return std::nullopt;
    return static_cast<std::int64_t>(d);
}

std::optional<std::int64_t> strict_integer(value_view v) noexcept {
    if (v.t != type::float64) return whole_number(v);
    const auto d = v.as_double();
    if (!(d >= -0x1p63 && d < 0x1p63) || d != std::floor(d)) return std::nullopt;
    return static_cast<std::int64_t>(d);
}

bool lenient_true(value_view v) noexcept {
    if (v.t == type::boolean) return v.as_bool();
    if (v.t == type::float64) return v.as_double() != 0;
    return lenient_integer(v).value_or(0) != 0;
}

bool strict_true(value_view v) noexcept {
    if (v.t == type::boolean) return v.as_bool();
    return strict_integer(v).value_or(0) != 0;
}

} // namespace oocrpc::mongodb
