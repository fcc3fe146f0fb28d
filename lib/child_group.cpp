#include <oocrpc/detail/child_group.hpp>

#include <oocrpc/error.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc::detail {

/// What a child does when it ends. Destroyed without being called where the loop is destroyed: then
/// the child's coroutine is gone, and with it what its cancellation signal would call.
struct child_group::child_end {
    child_end(std::shared_ptr<child_group> g, std::size_t i) : group(std::move(g)), index(i) {}
    child_end(child_end&&) = default;
    ~child_end() {
        if (group) group->children_[index].ended = true;
    }
    void operator()(std::exception_ptr e) {
        auto g = std::move(group);
        g->ended(index, std::move(e));
    }

    std::shared_ptr<child_group> group;
    std::size_t index;
};

child_group::child_group(std::size_t size, decided_by which, rest others)
    : children_(size),
      which_(which),
      rest_(others) {}

awaitable<void> child_group::run() {
    if (children_.empty()) co_return;
    auto ex = co_await this_coro::executor;
    if (is_requested(co_await this_coro::cancellation_state)) throw rpc_error(errc::cancelled);
    suspension suspended;
    parent_ = &suspended;
    // The children start once this coroutine listens to its own cancellation: one that cancels its
    // parent before it first suspends is heard.
    auto started = [this, ex] { start(ex); };
    auto on_cancel = [this] {
        cancelled_ = true;
        stop();
    };
    co_await suspended.wait(started, on_cancel);
    parent_ = nullptr;
}

void child_group::throw_if_cancelled() const {
    if (cancelled_) throw rpc_error(errc::cancelled);
}

void child_group::start(const any_io_executor& ex) {
    starting_ = true;
    running_ = size();
    for (std::size_t i = 0; i < size(); ++i)
        asio::co_spawn(ex, child(i),
                       asio::bind_cancellation_slot(children_[i].signal.slot(),
                                                    child_end(shared_from_this(), i)));
    starting_ = false;
    if (stop_) stop();
    if (running_ == 0) parent_->resume();
}

void child_group::stop() {
    // A child that has not started yet would not hear it.
    stop_ = true;
    if (starting_) return;
    // Emitting may end children here and now, and with the last of them drop the group.
    auto keep = shared_from_this();
    for (auto& c : children_)
        if (!c.ended) c.signal.emit(asio::cancellation_type::terminal);
}

void child_group::ended(std::size_t i, std::exception_ptr e) {
    children_[i].ended = true;
    --running_;
    if (e) set_error(i, std::move(e)); // it was cancelled before it began
    if (detached_) {
        if (auto late = error(i)) report_unhandled(std::move(late));
        return;
    }
    if (!decider_ && decides(i)) {
        decider_ = i;
        detached_ = rest_ == rest::detach && !cancelled_;
        if (!detached_) stop();
    }
    if (detached_ || (running_ == 0 && !starting_)) parent_->resume();
}

bool child_group::decides(std::size_t i) const {
    switch (which_) {
    case decided_by::failure:
        return error(i) != nullptr;
    case decided_by::success:
        return error(i) == nullptr;
    case decided_by::any:
        return true;
    case decided_by::none:
        break;
    }
    return false;
}

} // namespace oocrpc::detail
