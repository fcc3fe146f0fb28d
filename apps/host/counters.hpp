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
    call_stats now() const noexcept;
    /// Counts a call that was answered as soon as it began.
    void add(const oocrpc::message& answer) noexcept;
    /// The same, and it threw.
    void add(const std::exception_ptr& thrown) noexcept;

  private:
    friend class counted_call;
    using counter = std::atomic<std::int64_t>;

    static counter call_counters::* kind_of(const oocrpc::message& answer) noexcept;
    static counter call_counters::* kind_of(const std::exception_ptr& thrown) noexcept;

    counter running_{0}; // but for calls that are answered as soon as they begin
    counter finished_{0};
    counter failed_{0};
    counter cancelled_{0};
};

/// One call that counts; one that is destroyed before it ended was cancelled.
class counted_call {
  public:
    explicit counted_call(call_counters& in) noexcept : in_(&in) {
        in.running_.fetch_add(1, std::memory_order_relaxed);
    }
    counted_call(counted_call&& other) noexcept : in_(std::exchange(other.in_, nullptr)) {}
    ~counted_call() { end(&call_counters::cancelled_); }

    void finish() noexcept { end(&call_counters::finished_); }
    void fail() noexcept { end(&call_counters::failed_); }
    /// Ends as the answer says.
    void end_with(const oocrpc::message& answer) noexcept;

  private:
    void end(call_counters::counter call_counters::* how) noexcept {
        auto* in = std::exchange(in_, nullptr);
        if (!in) return;
        (in->*how).fetch_add(1, std::memory_order_relaxed);
        in->running_.fetch_sub(1, std::memory_order_release);
    }

    call_counters* in_;
};

/// A layer: counts the calls of `inner`. Allocates nothing for one that needs no coroutine.
oocrpc::handler counted(oocrpc::handler inner, std::shared_ptr<call_counters> counters);

} // namespace host
