#include <oocrpc/component.hpp>

#include <stdexcept>
#include <utility>
#include <vector>

#include <oocrpc/component_group.hpp>
#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc {

component::component(std::string name) : name_(std::move(name)) {
    if (name_.empty() || name_.find('.') != std::string::npos)
        throw std::invalid_argument("'" + name_ + "' is no name of a component");
}

component::~component() = default;

std::string component::path() const {
    if (!parent_) return former_path_.empty() ? name_ : former_path_;
    const component& above = *parent_;
    const bool is_root = !above.parent_ && above.former_path_.empty();
    return is_root ? name_ : above.path() + "." + name_;
}

/// A start or a stop under way, in a task of its own: several may wait for it, and it is cancelled
/// apart from them. Those who wait share it, since the component may be gone when they go on.
struct component::work {
    explicit work(const any_io_executor& ex) : task(ex) {}

    /// Runs `body`, where there is one, and waits until end(). Being cancelled cancels the work,
    /// which is waited for all the same.
    static awaitable<void> wait(std::shared_ptr<work> self, awaitable<void> body = {});

    void cancel() {
        cancelled = true;
        task.cancel();
    }
    void end() {
        ended = true;
        for (auto* waiter : std::exchange(waiting, {})) waiter->resume();
    }

    task_group task;
    std::vector<detail::suspension*> waiting; ///< in the frames of those who wait
    std::exception_ptr error;                 ///< of its outcome, or given to fail()
    bool cancelled = false;
    bool ended = false;
};

awaitable<void> component::work::wait(std::shared_ptr<work> self, awaitable<void> body) {
    const bool throwing = co_await this_coro::throw_if_cancelled();
    co_await this_coro::throw_if_cancelled(false);
    if (body.valid()) self->task.spawn(std::move(body));
    detail::suspension suspended;
    auto give_up = [&self] { self->cancel(); };
    if (!self->ended) {
        if (detail::is_requested(co_await this_coro::cancellation_state)) give_up();
        self->waiting.push_back(&suspended);
        co_await suspended.wait(give_up);
    }
    co_await this_coro::throw_if_cancelled(throwing);
}

awaitable<void> component::start() {
    if (state_ != state::stopped) throw std::logic_error(name_ + " has been started already");
    executor_ = co_await this_coro::executor;
    const auto starting = work_ = std::make_shared<work>(executor_);
    co_await work::wait(starting, run_start(starting));
    if (starting->error) std::rethrow_exception(starting->error);
}

awaitable<void> component::run_start(std::shared_ptr<work> self) {
    state_ = state::starting;
    std::exception_ptr failure;
    try {
        co_await on_start();
    } catch (...) {
        failure = std::current_exception();
    }
    const bool too_late = !failure && self->cancelled; // it has started all the same
    if (too_late) {
        failure = std::make_exception_ptr(rpc_error(errc::cancelled));
        co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        state_ = state::stopping;
        try {
            co_await on_stop();
        } catch (...) { // why it was stopped is what matters
        }
    }
    state_ = failure ? state::stopped : state::running;
    if (!self->error) self->error = failure;
    // The task has something to await yet, which its cancellation must not reach.
    co_await this_coro::throw_if_cancelled(false);
    self->end();
}

awaitable<void> component::stop() {
    if (state_ == state::stopped) co_return;
    if (state_ != state::running) {
        const auto under_way = work_;
        if (state_ == state::starting && !under_way->cancelled) under_way->cancel();
        co_await work::wait(under_way);
        co_return;
    }
    const auto stopping = work_ = std::make_shared<work>(executor_);
    co_await work::wait(stopping, run_stop(stopping));
    if (stopping->error) std::rethrow_exception(stopping->error);
}

awaitable<void> component::run_stop(std::shared_ptr<work> self) {
    state_ = state::stopping;
    try {
        co_await on_stop();
    } catch (...) {
        const auto failure = std::current_exception();
        if (!self->cancelled || !is_cancelled(failure)) self->error = failure;
    }
    state_ = state::stopped;
    co_await this_coro::throw_if_cancelled(false);
    self->end();
}

void component::fail(std::exception_ptr why) {
    if (state_ == state::starting) {
        if (work_->error) return;
        work_->error = std::move(why);
        if (!work_->cancelled) work_->cancel();
    } else if (state_ != state::running) {
        report_unhandled(std::move(why));
    } else if (parent_) {
        parent_->child_failed(*this, std::move(why));
    } else {
        fail_alone(std::move(why));
    }
}

void component::fail_alone(std::exception_ptr why) {
    report_unhandled(std::move(why));
}

} // namespace oocrpc
