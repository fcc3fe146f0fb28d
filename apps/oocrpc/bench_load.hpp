#pragma once

#include <atomic>
#include <deque>
#include <thread>

#include <asio/executor_work_guard.hpp>

#include "bench_lane.hpp"

namespace oocrpc::cli {

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

    /// What was counted; its latencies and first error only after work().
    const bench_counts& counts() const noexcept { return counts_; }

  private:
    awaitable<void> open(std::size_t connections);
    awaitable<void> run_lanes();

    const bench_plan& plan_;
    const std::atomic<bench_phase>& phase_;
    asio::io_context loop_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{loop_.get_executor()};
    std::deque<client> clients_;
    bench_counts counts_;
    std::thread thread_;
};

} // namespace oocrpc::cli
