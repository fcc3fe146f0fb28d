#include "group_child.hpp"

#include <algorithm>
#include <utility>

#include <oocrpc/error.hpp>

namespace oocrpc {

/// The one task that stops a component after a failure, and starts it again.
struct component_group::child::recovery {
    explicit recovery(const any_io_executor& ex) : task(ex) {}

    std::optional<task_group> task;
    bool pausing = false;
    bool called_off = false;
};

component_group::child::child(std::unique_ptr<component> c, failure_policy p, component_group& in)
    : what(std::move(c)),
      policy(p),
      group(&in) {
    what->parent_ = &in;
    what->former_path_.clear();
}

component_group::child::~child() = default;

awaitable<void> component_group::child::start(child_ptr self) {
    auto& time = clock::of(co_await this_coro::executor);
    self->started_ = time.now(); // it may fail before this goes on
    co_await self->what->start();
    if (!self->what || !self->what->running()) co_return;
    self->started_ = time.now();
    self->tell(component_event::kind::started);
}

awaitable<std::exception_ptr> component_group::child::stop(child_ptr self) {
    self->call_off();
    co_return co_await stop_and_tell(self);
}

/// Tells it once, however many wait for the same stop.
awaitable<std::exception_ptr> component_group::child::stop_and_tell(child_ptr self) {
    if (!self->what) co_return nullptr;
    const bool mine = self->what->running();
    std::exception_ptr failure;
    try {
        co_await self->what->stop();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) self->tell(component_event::kind::failed, failure);
    if (mine) self->tell(component_event::kind::stopped);
    co_return failure;
}

void component_group::child::failed(std::exception_ptr why) {
    tell(component_event::kind::failed, why);
    if (policy.action == on_failure::stop) return group->fail(std::move(why));
    call_off(); // the one before has just succeeded, and does not know yet
    recovering_ = std::make_shared<recovery>(what->executor_);
    recovering_->task->spawn(recover(shared_from_this(), recovering_));
}

/// Stops a component that failed, and starts it again where its policy says so, until that succeeds
/// or is called off.
awaitable<void> component_group::child::recover(child_ptr self, std::shared_ptr<recovery> mine) {
    // Being cancelled ends a pause, and cuts short what starts or stops; the rest is looked up.
    co_await this_coro::throw_if_cancelled(false);
    auto& time = clock::of(co_await this_coro::executor);
    if (time.now() - self->started_ >= self->policy.most) self->restarts_ = 0;
    co_await stop_and_tell(self);
    while (self->policy.action == on_failure::restart && !mine->called_off) {
        const auto pause = self->next_pause();
        self->tell(component_event::kind::restarting, nullptr, pause);
        mine->pausing = true;
        try {
            co_await sleep_for(pause);
        } catch (const rpc_error&) { // called off
        }
        mine->pausing = false;
        if (mine->called_off || co_await restart(self, mine)) break;
    }
    if (self->recovering_ == mine) self->recovering_ = nullptr;
}

/// True where it runs again, or nobody wants to know any more.
awaitable<bool> component_group::child::restart(child_ptr self, std::shared_ptr<recovery> mine) {
    std::exception_ptr failure;
    try {
        co_await start(self);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure || mine->called_off) co_return true;
    self->tell(component_event::kind::failed, failure);
    co_return false;
}

std::chrono::milliseconds component_group::child::next_pause() {
    auto pause = std::min(policy.first, policy.most);
    for (unsigned i = 0; i < restarts_ && pause < policy.most; ++i)
        pause = std::min(pause * 2, policy.most);
    ++restarts_;
    return pause;
}

/// Ends a pause; what is stopping goes on, and who stops a component cancels its start.
void component_group::child::call_off() noexcept {
    const auto gone = std::exchange(recovering_, nullptr);
    if (!gone) return;
    gone->called_off = true;
    if (gone->pausing) gone->task->cancel();
}

void component_group::child::abandon() noexcept {
    group = nullptr;
    what->parent_ = nullptr;
    if (!recovering_) return;
    recovering_->called_off = true;
    recovering_->task.reset(); // which cancels it, unless the loop is gone
}

std::unique_ptr<component> component_group::child::take_out() noexcept {
    call_off();
    group = nullptr;
    what->former_path_ = what->path();
    what->parent_ = nullptr;
    return std::move(what);
}

void component_group::child::tell(component_event::kind what_happened, std::exception_ptr why,
                                  std::chrono::milliseconds pause) const {
    if (!group || !what) return;
    const component_event event{what_happened, *what, std::move(why), pause};
    group->tell(event);
}

} // namespace oocrpc
