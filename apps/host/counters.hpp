#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include <oocrpc/handler.hpp>

namespace host {

/// What became of the calls so far.
struct call_stats {
    std::int64_t begun = 0;
    std::int64_t finished = 0;  ///< with a result
    std::int64_t failed = 0;    ///< with an error
    std::int64_t cancelled = 0; ///< given up by the caller, or overtaken by their deadline
    std::int64_t in_flight = 0;
};

/// Counts calls, from any thread.
class call_counters {
  public:
    /// Never shows a call that has ended and not begun.
    call_stats now() const noexcept;

  private:
    friend class counted_call;
    using counter = std::atomic<std::int64_t>;

    counter begun_{0};
    counter finished_{0};
    counter failed_{0};
    counter cancelled_{0};
};

/// One call that counts; one that is destroyed before it ended was cancelled.
class counted_call {
  public:
    explicit counted_call(call_counters& in) noexcept : in_(&in) {
        in.begun_.fetch_add(1, std::memory_order_relaxed);
    }
    counted_call(counted_call&& other) noexcept : in_(std::exchange(other.in_, nullptr)) {}
    ~counted_call() { end(&call_counters::cancelled_); }

    void finish() noexcept { end(&call_counters::finished_); }
    void fail() noexcept { end(&call_counters::failed_); }
    /// Ends as the answer says, or what was thrown.
    void end_with(const oocrpc::message& answer) noexcept;
    void end_with(const std::exception_ptr& thrown) noexcept;

  private:
    void end(call_counters::counter call_counters::* how) noexcept {
        if (in_) (std::exchange(in_, nullptr)->*how).fetch_add(1, std::memory_order_release);
    }

    call_counters* in_;
};

/// A layer: counts the calls of `inner`. Allocates nothing for it.
oocrpc::handler counted(oocrpc::handler inner, std::shared_ptr<call_counters> counters);

} // namespace host
