#pragma once

// The text form of decimal128, IEEE 754-2008 in its binary integer encoding. The algorithm is that
// of the BSON decimal128 specification
// (https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace oocrpc::bson {

/// The two halves of a decimal128; `low` comes first in a document.
struct decimal128 {
    std::uint64_t low;
    std::uint64_t high;
};

/// Such as "1.50", "-1E+3", "NaN" or "Infinity"; every coefficient and exponent has its own text.
std::string to_text(decimal128 d);

/// The number that `text` stands for exactly; nothing where it is none or does not fit 34 digits.
std::optional<decimal128> decimal128_from_text(std::string_view text);

} // namespace oocrpc::bson
