#include "workers.hpp"

#include <chrono>

#include <spdlog/spdlog.h>

namespace host {
namespace {

/// What a completion handler throws is a bug, but no reason to leave the clients alone.
template <class F> void run_all(F run) {
    for (;;) {
        try {
            run();
            return;
        } catch (const std::exception& e) {
            spdlog::error("a failure reached the event loop: {}", e.what());
        }
    }
}

/// Runs a loop until it is stopped, then what the drain left over, for a second.
void work(asio::io_context& io, asio::executor_work_guard<asio::io_context::executor_type>& busy) {
    run_all([&] { io.run(); });
    busy.reset();
    io.restart();
    run_all([&] { io.run_for(std::chrono::seconds(1)); });
    if (!io.stopped()) spdlog::warn("work was left in the loop at the end");
}

} // namespace

workers::workers(unsigned threads, const std::shared_ptr<oocrpc::network>& net) {
    for (unsigned i = 0; i < threads; ++i) {
        loops_.push_back(std::make_unique<asio::io_context>(1));
        busy_.emplace_back(loops_[i]->get_executor());
        oocrpc::network::use(*loops_[i], net);
    }
}

workers::~workers() {
    stop();
    for (auto& t : threads_) t.join();
    busy_.clear();
    // What the handlers use lives on the first loop, which therefore goes last.
    while (!loops_.empty()) loops_.pop_back();
}

void workers::start() {
    for (std::size_t i = threads_.size() + 1; i < size(); ++i)
        threads_.emplace_back([this, i] { work(loop(i), busy_[i]); });
}

void workers::run() {
    work(first(), busy_[0]);
    for (auto& t : threads_) t.join();
    threads_.clear();
}

void workers::stop() {
    for (auto& io : loops_) io->stop();
}

} // namespace host
