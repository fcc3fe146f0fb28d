#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include <oocrpc/client.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/promise.hpp>

#include "bench_plan.hpp"
#include "histogram.hpp"

namespace oocrpc::cli {

/// Where a benchmark stands, for all its threads.
enum class bench_phase { warmup, measure, stop };

/// What the lanes of one thread count. The numbers are written by that thread alone, so that
/// counting is no locked instruction, and may be read by others.
struct bench_counts {
    histogram latencies;                  ///< of the calls that succeeded while measuring
    std::atomic<std::uint64_t> calls{0};  ///< how many these are
    std::atomic<std::uint64_t> errors{0}; ///< calls that failed, in whatever phase
    std::optional<rpc_error> first_error;
};

/// One call in flight after the other, until the phase is `stop`. With a rate a call begins when it
/// is due, also for what it is said to take: one that has to wait for a slow one before it counts
/// that wait, as it would for a caller of its own.
///
/// Completion handlers and no coroutine: measured, that is a quarter less processor time for a call
/// than a coroutine that awaits exchange(), and a measuring client should not be the bottleneck.
/// Lives on the executor of its client, until done() is there.
class bench_lane {
  public:
    bench_lane(client& c, const bench_plan& plan, const std::atomic<bench_phase>& phase,
               bench_counts& counts);

    void start();
    /// Completes when the last call is answered.
    awaitable<void> done() { return done_.wait(); }

  private:
    struct on_answer {
        using executor_type = asio::io_context::executor_type;

        bench_lane* lane;
        executor_type executor;
        executor_type get_executor() const noexcept { return executor; }
        void operator()(std::error_code ec, message answer) const { lane->answered(ec, answer); }
    };

    void call();
    void next(std::chrono::steady_clock::time_point now);
    void call_when_due(std::chrono::steady_clock::time_point now);
    void answered(std::error_code ec, const message& answer);

    client& client_;
    const bench_plan& plan_;
    const std::atomic<bench_phase>& phase_;
    bench_counts& counts_;
    asio::io_context::executor_type executor_;
    const std::chrono::nanoseconds interval_;
    std::chrono::steady_clock::time_point begin_;
    timer pause_;
    promise<void> done_;
};

} // namespace oocrpc::cli
