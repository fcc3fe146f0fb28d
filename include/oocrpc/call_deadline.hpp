#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace oocrpc {

/// Who set the deadline of a call.
enum class deadline_origin : std::uint8_t {
    none,       ///< there is none
    by_default, ///< nobody, so the client's own applies
    call,       ///< the caller, for this call
    inherited,  ///< the call whose handler makes this one
    caller,     ///< seen by a server: it arrived with the call
    server,     ///< the server's own limit
};

/// When a call has to be over, on the monotonic clock, and who says so. Value type.
struct call_deadline {
    using clock_type = std::chrono::steady_clock;

    clock_type::time_point at = clock_type::time_point::max();
    std::chrono::milliseconds span{0}; ///< the time that was given, for messages
    deadline_origin origin = deadline_origin::none;

    explicit operator bool() const noexcept { return origin != deadline_origin::none; }
    bool passed(clock_type::time_point now) const noexcept { return at <= now; }
    /// Milliseconds left at `now`, rounded up, never negative; -1 without a deadline.
    std::int64_t left_ms(clock_type::time_point now) const noexcept;
    /// "default deadline of 10000 ms passed" and the like: the detail of `deadline_exceeded`.
    std::string text() const;

    static call_deadline after(std::chrono::milliseconds span, clock_type::time_point now,
                               deadline_origin origin) noexcept;
};

/// The one that ends first.
const call_deadline& earlier(const call_deadline& a, const call_deadline& b) noexcept;

} // namespace oocrpc
