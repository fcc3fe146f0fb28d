#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include "host.hpp"

namespace host {

/// One thread: a loop, and the server on it.
struct worker {
    worker(const oocrpc::server_options& how, oocrpc::port_sharing sharing);
    /// Runs the loop until it is stopped, then what the drain left over, for a second.
    void work();

    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy{io.get_executor()};
    oocrpc::server server;
};

/// The loops, servers and components of one process. Everything but work() happens on the first
/// loop, or before it runs.
class daemon final : public loop {
  public:
    explicit daemon(const options& how);
    ~daemon();

    oocrpc::any_io_executor executor() override;
    void beside(oocrpc::awaitable<void> work, std::string address) override;
    void at_end(std::function<void()> f) override;

    void listen(const std::vector<std::string>& urls);
    void start(const oocrpc::handler& serve);
    /// Where it listens, for people.
    const std::string& addresses() const noexcept { return addresses_; }
    /// Runs all loops until the drain is over, and returns the exit code.
    int run();

  private:
    struct component {
        oocrpc::awaitable<void> work;
        asio::cancellation_signal signal;
    };

    void add_address(const std::string& address);
    void start_component(component& c);
    void wait_for_signal();
    void drain();
    void ended(std::exception_ptr why);
    void finish();

    std::vector<std::unique_ptr<worker>> workers_;
    std::list<component> components_;
    std::vector<std::function<void()>> at_end_;
    std::unique_ptr<asio::signal_set> signals_;
    std::string addresses_;
    std::size_t running_ = 0; // servers and components
    bool draining_ = false;
    int exit_code_ = 0;
};

} // namespace host
