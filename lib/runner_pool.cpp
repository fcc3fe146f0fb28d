#include "runner_pool.hpp"

namespace oocrpc::detail {

void runner_pool::run(std::shared_ptr<connection> owner, std::unique_ptr<context> call,
                      awaitable<message> work) {
    job next{std::move(owner), std::move(call), std::move(work)};
    if (idle_.empty()) return spawn(std::move(next));
    auto resume = std::move(idle_.back());
    idle_.pop_back();
    resume(std::move(next));
}

void runner_pool::spawn(job first) {
    auto self = std::make_shared<runner>(executor_);
    // A runner catches all that its handlers throw; the completion only keeps the signal alive.
    asio::co_spawn(any_io_executor(self->executor), serve(this, self, std::move(first)),
                   asio::bind_cancellation_slot(self->signal.slot(), [self](std::exception_ptr e) {
                       if (e) std::rethrow_exception(e);
                   }));
}

auto runner_pool::next() {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(job)>(
        [this](auto handler) {
            idle_.emplace_back([h = std::move(handler)](job j) mutable { h(std::move(j)); });
        },
        use_awaitable);
}

awaitable<void> runner_pool::serve(runner_pool* pool, std::shared_ptr<runner> self, job next) {
    for (;;) {
        // While it waits a runner must not keep its connection alive, which owns it.
        const std::weak_ptr<connection> alive = next.owner;
        const bool reusable = co_await serve_one(*self, next);
        next.owner.reset();
        if (!reusable || alive.expired()) co_return;
        next = co_await pool->next();
    }
}

awaitable<bool> runner_pool::serve_one(runner& self, job& next) {
    context& call = *next.call;
    const auto references = self.scope->references.load(std::memory_order_relaxed);
    self.scope->deadline = call.deadline_;
    call.scope_ = self.scope;
    call.signal_ = &self.signal;
    message reply;
    std::exception_ptr failure;
    try {
        reply = co_await std::move(next.work);
    } catch (...) {
        failure = std::current_exception();
    }
    call.signal_ = nullptr;
    call.scope_ = nullptr;
    self.scope->deadline = {};
    if (failure) reply = next.owner->to_error(failure);
    next.owner->finish(call, std::move(reply));
    const bool open = !next.owner->closed();
    next.owner->release(std::move(next.call));
    // A cancel leaves its mark on the coroutine, and so does a handler that changed what it can be
    // cancelled by; the next call must not find them.
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await this_coro::throw_if_cancelled(true);
    // Work that the handler left behind still refers to this scope and must not inherit from a
    // later call: then the scope, and with it the runner, is used no more.
    co_return open&& self.scope->references.load(std::memory_order_relaxed) == references;
}

} // namespace oocrpc::detail
