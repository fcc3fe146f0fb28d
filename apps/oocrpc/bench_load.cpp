#include "bench_load.hpp"

#include <oocrpc/clock.hpp>
#include <oocrpc/task_group.hpp>

namespace oocrpc::cli {
namespace {

void count(std::atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Runs `work` on another loop. A cancel of the caller does not cross; the phase tells it to stop.
awaitable<void> run_on(asio::io_context& loop, awaitable<void> work) {
    co_await asio::co_spawn(loop, std::move(work),
                            asio::bind_cancellation_slot(asio::cancellation_slot(), use_awaitable));
}

} // namespace

bench_load::bench_load(const bench_plan& plan, const std::atomic<bench_phase>& phase)
    : plan_(plan),
      phase_(phase),
      thread_([this] { loop_.run(); }) {}

bench_load::~bench_load() {
    loop_.stop();
    thread_.join();
}

awaitable<void> bench_load::connect(std::size_t connections) {
    co_await run_on(loop_, open(connections));
}

awaitable<void> bench_load::work() {
    co_await run_on(loop_, run_workers());
}

awaitable<void> bench_load::open(std::size_t connections) {
    for (std::size_t i = 0; i < connections; ++i) {
        client_options options;
        clients_.push_back(co_await oocrpc::connect(plan_.url, std::move(options)));
    }
}

awaitable<void> bench_load::run_workers() {
    task_group workers(loop_.get_executor());
    for (auto& c : clients_)
        for (std::size_t i = 0; i < plan_.in_flight; ++i) workers.spawn(keep_calling(c));
    co_await workers.join();
    clients_.clear();
}

awaitable<void> bench_load::keep_calling(client& c) {
    using clock_type = std::chrono::steady_clock;
    // The end of a call is the beginning of the next, so that a call costs one look at the clock.
    auto begin = clock_type::now();
    for (;;) {
        auto call = message::call(plan_.method, plan_.arguments);
        auto options = plan_.options;
        const auto [error, answer] =
            co_await c.async_call(std::move(call), std::move(options), use_tuple);
        if (error) co_await failed(answer);
        const auto end = clock_type::now();
        const auto phase = phase_.load(std::memory_order_relaxed);
        if (!error && phase == bench_phase::measure) {
            latencies_.add(static_cast<std::uint64_t>((end - begin).count()));
            count(calls_);
        }
        if (phase == bench_phase::stop) co_return;
        begin = end;
    }
}

awaitable<void> bench_load::failed(const message& answer) {
    count(errors_);
    if (!first_error_) first_error_ = answer.to_exception();
    // Without a connection an error costs no time at all; leave the processor to the server.
    const std::chrono::milliseconds pause(10);
    if (answer.fault->code == static_cast<int>(errc::unavailable)) co_await sleep_for(pause);
}

} // namespace oocrpc::cli
