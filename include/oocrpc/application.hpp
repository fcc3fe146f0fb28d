#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include <oocrpc/component_group.hpp>

namespace oocrpc {

struct application_options {
    /// How long stopping may take, also of what is still starting, before the rest is cancelled.
    std::chrono::milliseconds drain_timeout{10'000};
    /// Signals that stop it, SIGINT and SIGTERM unless told otherwise; empty: none are caught.
    std::vector<int> stop_signals;
    /// Called when all components run; cancelled where it is to stop meanwhile.
    std::function<awaitable<void>()> on_ready;
    /// Called when stopping begins, with the signal or 0. What it throws goes to on_unhandled().
    std::function<void(int signal)> on_stopping;

    application_options();
};

/// The root of a tree of components: starts them, waits for a signal, stops them.
///
/// Lives on the executor of the coroutine that runs it.
class application final : public component_group {
  public:
    explicit application(std::string name = "application", application_options options = {});
    ~application() override;

    /// The whole life of the program; returns its exit code.
    ///
    /// 0 after a stop signal, or what request_stop() said; 128 + the signal after a second one,
    /// which cancels what is still stopping (a third one has its usual effect); 70 where a
    /// component failed whose policy is to stop, or where stopping failed. What starting or
    /// `on_ready` throws is thrown, once what had started is stopped again. Being cancelled is as
    /// request_stop(). Afterwards no signal is caught any more.
    awaitable<int> run();
    /// Begins to stop, with that exit code; at most once. On the application's executor.
    void request_stop(int exit_code = 0);
    /// What failed, where a component did.
    std::exception_ptr failure() const noexcept;

  private:
    struct run_state;

    void fail_alone(std::exception_ptr why) override;
    awaitable<void> come_up(std::shared_ptr<run_state> state);
    awaitable<void> come_down(std::shared_ptr<run_state> state);
    awaitable<void> stop_in_time(std::shared_ptr<run_state> state);
    void tell_stopping(int signal) const;
    static void fail_run(run_state& state);

    application_options options_;
    std::shared_ptr<run_state> run_;
};

} // namespace oocrpc
