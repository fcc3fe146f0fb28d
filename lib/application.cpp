#include <oocrpc/application.hpp>

#include <csignal>
#include <utility>

#include <asio/signal_set.hpp>

#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/unhandled.hpp>
#include <oocrpc/when.hpp>

namespace oocrpc {
namespace {

// How programs end whose parts fail; EX_SOFTWARE of sysexits.h.
constexpr int component_failed = 70;

} // namespace

application_options::application_options() : stop_signals{SIGINT, SIGTERM} {}

/// What run() and the signals share.
struct application::run_state : std::enable_shared_from_this<run_state> {
    run_state(const any_io_executor& ex, const application_options& o)
        : signals(ex),
          options(o),
          up(ex) {
        for (const int number : options.stop_signals) signals.add(number);
    }

    void wait_for_signal() {
        signals.async_wait([self = shared_from_this()](std::error_code ec, int number) {
            if (ec) return;
            if (std::exchange(self->signalled, true)) return self->stop_at_once(number);
            self->wait_for_signal();
            self->begin_to_stop(0, number);
        });
    }
    void begin_to_stop(int code, int number) {
        if (std::exchange(stopping, true)) return;
        exit_code = code;
        signal = number;
        if (!wake.fired()) wake.fire();
    }
    /// From here on signals have their usual effect: a third one kills.
    void stop_at_once(int number) {
        signals.clear();
        exit_code = 128 + number;
        hurry.fire();
    }

    asio::signal_set signals;
    application_options options;
    task_group up;          ///< starts, and says that it is ready
    bool stopping = false;  ///< somebody wants it to stop
    bool signalled = false; ///< by a signal
    promise<void> wake;     ///< fires then
    promise<void> hurry;    ///< and again, by a second one
    int exit_code = 0;
    int signal = 0;
    std::exception_ptr start_failure;
    std::exception_ptr failure;
};

application::application(std::string name, application_options options)
    : component_group(std::move(name)),
      options_(std::move(options)) {}

application::~application() = default;

awaitable<int> application::run() {
    const auto state = std::make_shared<run_state>(co_await this_coro::executor, options_);
    run_ = state;
    if (!options_.stop_signals.empty()) state->wait_for_signal();
    state->up.spawn(come_up(state));
    try {
        co_await state->wake.wait();
    } catch (const std::exception&) {
    }
    // A cancel of this coroutine means stopping, which awaits.
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    state->begin_to_stop(0, 0);
    if (running()) tell_stopping(state->signal);
    co_await stop_in_time(state);
    state->signals.clear(); // they have their usual effect again
    state->signals.cancel();
    if (state->start_failure) std::rethrow_exception(state->start_failure);
    co_return state->exit_code;
}

awaitable<void> application::come_up(std::shared_ptr<run_state> state) {
    try {
        co_await start();
        if (!state->stopping && options_.on_ready) co_await options_.on_ready();
    } catch (...) {
        const auto failure = std::current_exception();
        if (!state->stopping || !is_cancelled(failure)) state->start_failure = failure;
        state->begin_to_stop(0, 0);
    }
}

void application::tell_stopping(int signal) const {
    try {
        if (options_.on_stopping) options_.on_stopping(signal);
    } catch (...) {
        report_unhandled(std::current_exception());
    }
}

awaitable<void> application::stop_in_time(std::shared_ptr<run_state> state) {
    auto stopping = when_first(come_down(state), state->hurry.wait());
    try {
        co_await with_deadline(options_.drain_timeout, std::move(stopping));
    } catch (const rpc_error&) { // the time was over: what still ran was cancelled and awaited
    }
}

/// Ends what come_up() is at, and stops. Being cancelled cuts short both.
awaitable<void> application::come_down(std::shared_ptr<run_state> state) {
    co_await this_coro::throw_if_cancelled(false);
    state->up.cancel();
    try {
        co_await state->up.join();
    } catch (const std::exception&) { // it was cut short
    }
    try {
        co_await stop();
    } catch (...) {
        fail_run(*state);
    }
}

void application::fail_run(run_state& state) {
    if (!state.failure) state.failure = std::current_exception();
    if (state.exit_code == 0) state.exit_code = component_failed;
}

void application::fail_alone(std::exception_ptr why) {
    if (!run_) return component_group::fail_alone(std::move(why));
    if (!run_->failure) run_->failure = std::move(why);
    request_stop(component_failed);
}

void application::request_stop(int exit_code) {
    if (run_) run_->begin_to_stop(exit_code, 0);
}

std::exception_ptr application::failure() const noexcept {
    return run_ ? run_->failure : nullptr;
}

} // namespace oocrpc
