#pragma once

#include <cstddef>
#include <cstdint>

#include <oocrpc/clock.hpp>

namespace oocrpc::detail {

/// How often something has happened in this second, which begins with the first time.
class per_second {
  public:
    /// It happens now; returns whether that is within `most`, and counts it only then.
    bool take(time_point now, std::size_t most) noexcept {
        if (now >= end_) {
            end_ = now + std::chrono::seconds(1);
            count_ = 0;
        }
        if (count_ >= most) return false;
        ++count_;
        return true;
    }
    /// When the next second begins.
    time_point end() const noexcept { return end_; }

  private:
    time_point end_{};
    std::uint32_t count_ = 0;
};

} // namespace oocrpc::detail
