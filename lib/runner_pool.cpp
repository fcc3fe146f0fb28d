#include "runner_pool.hpp"

#include <algorithm>

namespace oocrpc::detail {

void runner_pool::run(std::shared_ptr<connection> owner, std::unique_ptr<context> call,
                      awaitable<message> work) {
    job next{std::move(owner), std::move(call), std::move(work)};
    while (!idle_.empty()) {
        auto last = std::move(idle_.back());
        idle_.pop_back();
        // Work that a handler left behind still refers to its scope and must not inherit from a
        // later call: such a scope, and with it the runner, is used no more.
        if (last.self->scope->references == last.self->references)
            return last.resume(std::move(next));
    }
    spawn(std::move(next));
}

void runner_pool::spawn(job first) {
    auto self = std::make_shared<runner>(executor_);
    // A runner catches all that its handlers throw; the completion only keeps the signal alive.
    asio::co_spawn(any_io_executor(self->executor), serve(shared_from_this(), self),
                   asio::bind_cancellation_slot(self->signal.slot(), [self](std::exception_ptr e) {
                       if (e) std::rethrow_exception(e);
                   }));
    // By then it waits, and whatever started it refers to the scope no more.
    asio::post(executor_, [pool = shared_from_this(), self, first = std::move(first)]() mutable {
        auto& all = pool->fresh_;
        const auto at = std::find_if(all.begin(), all.end(),
                                     [&](const waiting& w) { return w.self == self.get(); });
        if (at == all.end()) { // the connection is over
            {
                const auto never_begun = std::move(first.work); // may refer to the call
            }
            first.owner->finish(*first.call,
                                message::error(0, errc::cancelled, "the caller is gone"));
            return first.owner->release(std::move(first.call));
        }
        auto resume = std::move(at->resume);
        std::swap(*at, all.back());
        all.pop_back();
        self->references = self->scope->references;
        resume(std::move(first));
    });
}

void runner_pool::runner::begin(context& call) {
    scope->deadline = call.deadline_;
    call.scope_ = scope;
    call.signal_ = &signal;
    // As where the cancel came in one read with the call.
    if (call.cancelled_) signal.emit(asio::cancellation_type::terminal);
}

void runner_pool::runner::end(context& call) {
    call.signal_ = nullptr;
    call.scope_->deadline = {};
    call.scope_ = nullptr;
}

auto runner_pool::next(runner& self) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(job)>(
        [this, &self](auto handler) {
            auto& all = self.references ? idle_ : fresh_;
            all.push_back({[h = std::move(handler)](job j) mutable { h(std::move(j)); }, &self});
        },
        use_awaitable);
}

awaitable<void> runner_pool::serve(std::shared_ptr<runner_pool> pool,
                                   std::shared_ptr<runner> self) {
    while (!pool->closed_) {
        job next = co_await pool->next(*self);
        context& call = *next.call;
        self->begin(call);
        message reply;
        std::exception_ptr failure;
        try {
            reply = co_await std::move(next.work);
        } catch (...) {
            failure = std::current_exception();
        }
        self->end(call);
        if (failure) reply = next.owner->to_error(failure);
        next.owner->finish(call, std::move(reply));
        next.owner->release(std::move(next.call));
        // A cancel leaves its mark on the coroutine, and so does a handler that changed what it can
        // be cancelled by; the next call must not find them.
        co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        co_await this_coro::throw_if_cancelled(true);
    }
}

} // namespace oocrpc::detail
