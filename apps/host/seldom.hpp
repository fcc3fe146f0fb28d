#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <oocrpc/clock.hpp>
#include <oocrpc/plugin.hpp>

namespace host {

/// One kind of warning that strangers bring about as often as they like: one a second of them at
/// most is told, so that no flood fills the log. Thread-safe.
class seldom {
  public:
    /// How many went untold before this one; nothing where it is not to be told either.
    std::optional<std::size_t> tell(oocrpc::time_point now = std::chrono::steady_clock::now()) {
        std::lock_guard lock(mutex_);
        if (now < next_) {
            ++untold_;
            return std::nullopt;
        }
        next_ = now + std::chrono::seconds(1);
        return std::exchange(untold_, 0);
    }
    /// The level of a line: one that is not told is for debugging. Adds the field `untold` to one
    /// that is, where there are any.
    oocrpc::log_level level(oocrpc::log_fields& fields,
                            oocrpc::time_point now = std::chrono::steady_clock::now()) {
        const auto before = tell(now);
        if (!before) return oocrpc::log_level::debug;
        if (*before) fields.emplace_back("untold", std::to_string(*before));
        return oocrpc::log_level::warn;
    }

  private:
    std::mutex mutex_;
    oocrpc::time_point next_ = oocrpc::time_point::min();
    std::size_t untold_ = 0;
};

/// What a warning without fields says of those that went untold before it.
inline std::string also(std::size_t untold) {
    return untold ? " (" + std::to_string(untold) + " more untold)" : std::string();
}

} // namespace host
