#pragma once

#include <memory>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <oocrpc/network.hpp>

namespace host {

/// The event loops of the process, one for each thread; the first is that of the main thread.
class workers {
  public:
    /// No thread is started yet: a process that drops privileges must have one thread only.
    workers(unsigned threads, const std::shared_ptr<oocrpc::network>& net);
    /// Ends the other threads, and destroys their loops before the first.
    ~workers();

    std::size_t size() const noexcept { return loops_.size(); }
    asio::io_context& loop(std::size_t i) noexcept { return *loops_[i]; }
    asio::io_context& first() noexcept { return loop(0); }

    /// Starts the threads of the other loops.
    void start();
    /// Runs the first loop until stop() is called.
    void run();
    /// Ends all loops, once what the drain left over has had a second to end; from the first.
    void stop();

  private:
    using guard = asio::executor_work_guard<asio::io_context::executor_type>;

    std::vector<std::unique_ptr<asio::io_context>> loops_;
    std::vector<guard> busy_;
    std::vector<std::thread> threads_;
};

} // namespace host
