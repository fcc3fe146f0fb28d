#include "bench_lane.hpp"

#include <algorithm>

namespace oocrpc::cli {
namespace {

void count(std::atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// The loop is an io_context, whose executor as it is costs less than the same as any_io_executor.
asio::io_context::executor_type loop_of(const client& c) {
    const auto executor = c.get_executor();
    return static_cast<asio::io_context&>(executor.context()).get_executor();
}

} // namespace

bench_lane::bench_lane(client& c, const bench_plan& plan, const std::atomic<bench_phase>& phase,
                       bench_counts& counts)
    : client_(c),
      plan_(plan),
      phase_(phase),
      counts_(counts),
      executor_(loop_of(c)),
      interval_(plan.interval()),
      pause_(executor_) {}

void bench_lane::start() {
    begin_ = std::chrono::steady_clock::now();
    call();
}

void bench_lane::call() {
    client_.async_call(message::call(plan_.method, plan_.arguments), plan_.options,
                       on_answer{this, executor_});
}

void bench_lane::next(std::chrono::steady_clock::time_point now) {
    if (interval_ == interval_.zero()) {
        begin_ = now;
        return call();
    }
    begin_ += interval_;
    call_when_due(now);
}

void bench_lane::call_when_due(std::chrono::steady_clock::time_point now) {
    if (phase_.load(std::memory_order_relaxed) == bench_phase::stop) return done_.fire();
    if (begin_ <= now) return call();
    const std::chrono::milliseconds notice_the_end(100);
    pause_.arm(std::min(begin_, now + notice_the_end),
               [this] { call_when_due(std::chrono::steady_clock::now()); });
}

void bench_lane::answered(std::error_code ec, const message& answer) {
    // The end of a call is the beginning of the next, so that a call costs one look at the clock.
    const auto end = std::chrono::steady_clock::now();
    const auto phase = phase_.load(std::memory_order_relaxed);
    if (ec) {
        count(counts_.errors);
        if (!counts_.first_error) counts_.first_error = answer.to_exception();
    } else if (phase == bench_phase::measure) {
        counts_.latencies.add(static_cast<std::uint64_t>((end - begin_).count()));
        count(counts_.calls);
    }
    if (phase == bench_phase::stop) return done_.fire();
    if (ec != errc::unavailable) return next(end);
    // Without a connection an error costs no time at all; leave the processor to the server.
    const std::chrono::milliseconds patience(10);
    pause_.arm(end + patience, [this] { start(); });
}

} // namespace oocrpc::cli
