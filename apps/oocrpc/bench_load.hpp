#pragma once

#include <atomic>
#include <deque>
#include <optional>
#include <thread>

#include <asio/executor_work_guard.hpp>

#include <oocrpc/client.hpp>

#include "bench_plan.hpp"
#include "histogram.hpp"

namespace oocrpc::cli {

/// Where a benchmark stands, for all its threads.
enum class bench_phase { warmup, measure, stop };

/// One thread of a benchmark: an event loop with its share of the connections, which keeps the
/// planned number of calls in flight on each.
class bench_load {
  public:
    bench_load(const bench_plan& plan, const std::atomic<bench_phase>& phase);
    /// Ends the loop, with whatever it still does.
    ~bench_load();
    bench_load(const bench_load&) = delete;

    /// Opens that many connections; throws rpc_error. Awaited from another loop, as work() is.
    awaitable<void> connect(std::size_t connections);
    /// Makes calls until the phase is `stop` and the last of them is answered.
    awaitable<void> work();

    /// Calls that succeeded while the phase was `measure`; from any thread, at any time.
    std::uint64_t calls() const noexcept { return calls_.load(std::memory_order_relaxed); }
    /// Calls that failed, in whatever phase.
    std::uint64_t errors() const noexcept { return errors_.load(std::memory_order_relaxed); }

    // After work():
    const histogram& latencies() const noexcept { return latencies_; }
    const std::optional<rpc_error>& first_error() const noexcept { return first_error_; }

  private:
    awaitable<void> open(std::size_t connections);
    awaitable<void> run_workers();
    awaitable<void> keep_calling(client& c);
    awaitable<void> failed(const message& answer);

    const bench_plan& plan_;
    const std::atomic<bench_phase>& phase_;
    asio::io_context loop_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{loop_.get_executor()};
    std::deque<client> clients_;
    histogram latencies_;
    std::optional<rpc_error> first_error_;
    // Written by the loop's thread alone, so that counting is no locked instruction.
    std::atomic<std::uint64_t> calls_{0};
    std::atomic<std::uint64_t> errors_{0};
    std::thread thread_;
};

} // namespace oocrpc::cli
