#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include <oocrpc/call_deadline.hpp>
#include <oocrpc/metadata.hpp>

namespace oocrpc {

/// What a caller says about the time that a call may take; by default nothing, then the deadline
/// of the call whose handler makes this one applies, else the client's default.
class deadline {
  public:
    deadline() = default;
    /// At most that long from now, and never longer than what is inherited.
    deadline(std::chrono::milliseconds span) : span_(span), given_(true) {}
    /// No deadline but what is inherited.
    static deadline none() {
        deadline d;
        d.given_ = true;
        return d;
    }

    /// Exactly that deadline, found before: for the later steps of a call that began earlier.
    static deadline fixed(const call_deadline& found) {
        deadline d;
        d.fixed_ = found;
        return d;
    }

    /// The deadline of a call made at `now`.
    call_deadline resolve(call_deadline::clock_type::time_point now, const call_deadline& inherited,
                          std::chrono::milliseconds by_default) const noexcept;

  private:
    std::optional<std::chrono::milliseconds> span_;
    std::optional<call_deadline> fixed_;
    bool given_ = false;
};

/// What a caller may say about one call besides its arguments.
struct call_options {
    deadline when;
    metadata meta;
};

} // namespace oocrpc
