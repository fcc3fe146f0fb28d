#include "bench_load.hpp"

namespace oocrpc::cli {
namespace {

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
    co_await run_on(loop_, run_lanes());
}

awaitable<void> bench_load::open(std::size_t connections) {
    for (std::size_t i = 0; i < connections; ++i) {
        auto options = plan_.server.how;
        clients_.push_back(co_await oocrpc::connect(plan_.server.url, std::move(options)));
    }
}

awaitable<void> bench_load::run_lanes() {
    std::deque<bench_lane> lanes;
    for (auto& c : clients_)
        for (std::size_t i = 0; i < plan_.in_flight; ++i)
            lanes.emplace_back(c, plan_, phase_, counts_);
    for (auto& lane : lanes) lane.start();
    for (auto& lane : lanes) co_await lane.done();
    clients_.clear();
}

} // namespace oocrpc::cli
