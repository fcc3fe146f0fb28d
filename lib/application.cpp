#include <oocrpc/application.hpp>

#include <csignal>
#include <optional>

#include <asio/signal_set.hpp>

#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/when.hpp>

namespace oocrpc {
namespace {

// How programs end whose parts fail; EX_SOFTWARE of sysexits.h.
constexpr int component_failed = 70;

} // namespace

application_options::application_options() : stop_signals{SIGINT, SIGTERM} {}

/// What run() and the signals share.
struct application::run_state : std::enable_shared_from_this<run_state> {
    run_state(const any_io_executor& ex, const application_options& o) : signals(ex), options(o) {
        for (const int number : options.stop_signals) signals.add(number);
    }

    void wait_for_signal() {
        signals.async_wait([self = shared_from_this()](std::error_code ec, int number) {
            if (ec) return;
            if (self->stopping) return self->stop_at_once(number);
            self->wait_for_signal();
            self->begin_to_stop(0, number);
        });
    }
    void begin_to_stop(int code, int number) {
        if (std::exchange(stopping, true)) return;
        exit_code = code;
        signal = number;
        if (wake && !wake->fired()) wake->fire();
    }
    awaitable<void> wait_for_stop() {
        if (stopping) co_return;
        auto stopped = wake.emplace(); // a new one each time: who gives up waiting cancels it
        co_await stopped.wait();
    }
    /// From here on signals have their usual effect: a third one kills.
    void stop_at_once(int number) {
        signals.clear();
        exit_code = 128 + number;
        hurry.fire();
    }

    asio::signal_set signals;
    application_options options;
    bool stopping = false; ///< somebody wants it to stop
    std::optional<promise<void>> wake;
    promise<void> hurry; ///< and wants it again
    int exit_code = 0;
    int signal = 0;
    std::exception_ptr failure;
};

application::application(std::string name, application_options options)
    : component_group(std::move(name)),
      options_(std::move(options)) {}

application::~application() = default;

awaitable<int> application::run() {
    auto state = std::make_shared<run_state>(co_await this_coro::executor, options_);
    run_ = state;
    if (!options_.stop_signals.empty()) state->wait_for_signal();
    std::exception_ptr failure;
    try {
        co_await start_or_stop(state);
    } catch (...) {
        failure = std::current_exception();
    }
    // A cancel of this coroutine means stopping, which awaits.
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    if (failure && is_cancelled(failure)) failure = nullptr;
    state->begin_to_stop(0, 0);
    if (running()) {
        if (options_.on_stopping) options_.on_stopping(state->signal);
        co_await stop_in_time(state);
    }
    state->signals.cancel();
    if (failure) std::rethrow_exception(failure);
    co_return state->exit_code;
}

/// Returns when it is to stop.
awaitable<void> application::start_or_stop(std::shared_ptr<run_state> state) {
    auto started = co_await when_first(start(), state->wait_for_stop());
    if (started.index == 0) started.value.value();
    if (!running()) co_return;
    if (options_.on_ready) co_await options_.on_ready();
    co_await state->wait_for_stop();
}

awaitable<void> application::stop_in_time(std::shared_ptr<run_state> state) {
    auto stopping = when_first(stop(), state->hurry.wait());
    try {
        const auto ended = co_await with_deadline(options_.drain_timeout, std::move(stopping));
        if (ended.index == 0) ended.value.value();
    } catch (const rpc_error& e) {
        if (e.code() != errc::deadline_exceeded && e.code() != errc::cancelled) fail_run(*state);
    } catch (const std::exception&) {
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
