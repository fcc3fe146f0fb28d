#pragma once

#include <algorithm>

#include "fuzz.hpp"

namespace fuzz {

/// Reads an input as a script: numbers and runs of bytes, zeros where nothing is left.
class input {
  public:
    explicit input(oocrpc::bytes data) : rest_(data) {}

    bool empty() const noexcept { return rest_.empty(); }
    std::uint8_t byte() { return empty() ? std::uint8_t{0} : take(1)[0]; }
    unsigned number() { return byte() | static_cast<unsigned>(byte()) << 8; }
    /// At most `n` bytes, fewer at the end.
    oocrpc::bytes take(std::size_t n) {
        const auto some = rest_.first(std::min(n, rest_.size()));
        rest_ = rest_.subspan(some.size());
        return some;
    }
    oocrpc::bytes rest() { return take(rest_.size()); }

  private:
    oocrpc::bytes rest_;
};

} // namespace fuzz
