#include <oocrpc/detail/promise_state.hpp>

#include <algorithm>
#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/unhandled.hpp>
#include <utility>

namespace oocrpc::detail {

/// One awaiting coroutine, in its frame, in the list of the promise. The loop may destroy the frame
/// while the promise lives on, so the destructor takes it out of the list.
struct promise_waiter {
    explicit promise_waiter(promise_state& s) : state(s) {}
    ~promise_waiter() { unlink(); }

    void link() {
        linked = true;
        previous = std::exchange(state.last_, this);
        (previous ? previous->next : state.first_) = this;
    }
    void unlink() {
        if (!std::exchange(linked, false)) return;
        (previous ? previous->next : state.first_) = next;
        (next ? next->previous : state.last_) = previous;
        previous = next = nullptr;
    }

    promise_state& state;
    suspension suspended;
    bool linked = false;
    bool left = false;
    promise_waiter* previous = nullptr;
    promise_waiter* next = nullptr;
};

promise_state::~promise_state() {
    if (error_ && !looked_) report_unhandled(std::move(error_), made_);
    // A long chain would be destroyed by a recursion as deep as it is long.
    auto next = std::move(chained_);
    while (next && next.use_count() == 1) next = std::move(next->chained_);
}

bool promise_state::begin() {
    if (!fired_) return fired_ = true;
    if (std::exchange(swallow_, false)) return false;
    throw already_fired();
}

void promise_state::fail(std::exception_ptr error) {
    if (!begin()) return;
    error_ = std::move(error);
    settle();
}

void promise_state::settle() {
    // Dropping the canceller or waking an outer promise may drop the last handle of this one.
    std::vector<std::shared_ptr<promise_state>> next{shared_from_this()};
    auto keep = next.front();
    settled_ = true;
    drop_canceller();
    while (!next.empty()) {
        auto state = std::move(next.back());
        next.pop_back();
        if (state->is_ready()) state->wake(next);
    }
}

void promise_state::wake(std::vector<std::shared_ptr<promise_state>>& next) {
    while (auto* w = first_) {
        w->unlink();
        w->suspended.resume();
    }
    for (auto& weak : std::exchange(outers_, {})) {
        auto outer = weak.lock();
        if (!outer) continue;
        // Held by settle() and by the outer promise: nobody else can ask this one for its value.
        outer->adopt(*this, weak_from_this().use_count() == 2);
        next.push_back(std::move(outer));
    }
}

void promise_state::adopt(promise_state& inner, bool may_move) {
    error_ = inner.look();
    try {
        if (!error_) adopt_value(inner, may_move);
    } catch (...) { // copying failed, or the value was taken
        error_ = std::current_exception();
    }
    settled_ = true;
    chained_.reset();
}

std::exception_ptr promise_state::look() noexcept {
    looked_ = true;
    return error_;
}

void promise_state::chain(std::shared_ptr<promise_state> inner) {
    if (inner.get() == this) throw std::invalid_argument("a promise cannot wait for itself");
    if (!begin()) return;
    drop_canceller();
    if (inner->is_ready()) {
        adopt(*inner, inner.use_count() == 1);
        settle();
    } else {
        inner->outers_.push_back(weak_from_this());
        chained_ = std::move(inner);
    }
}

void promise_state::cancel() {
    auto state = shared_from_this();
    while (state->chained_) state = state->chained_;
    if (state->fired_ || state->cancelling_) return;
    state->cancelling_ = true;
    try {
        // Without a canceller whoever is to fire this promise does not know: it fires once more.
        if (!state->call_canceller()) state->swallow_ = true;
        if (!state->fired_) state->fail(std::make_exception_ptr(rpc_error(errc::cancelled)));
    } catch (...) {
        if (state->fired_)
            report_unhandled(std::current_exception(), state->made_);
        else
            state->fail(std::current_exception());
    }
    state->cancelling_ = false;
}

void promise_state::unpause() {
    if (paused_ == 0) throw std::logic_error("this promise is not paused");
    if (--paused_ == 0 && settled_) settle();
}

awaitable<void> promise_state::ready() {
    // Again: it may be paused between the moment that resumes the awaiter and the awaiter.
    while (!is_ready()) {
        if (is_requested(co_await this_coro::cancellation_state)) throw rpc_error(errc::cancelled);
        promise_waiter w(*this);
        auto started = [&w] { w.link(); };
        auto on_cancel = [this, &w] { leave(w); };
        co_await w.suspended.wait(started, on_cancel);
        if (w.left) throw rpc_error(errc::cancelled);
    }
}

void promise_state::leave(promise_waiter& w) {
    bool last = first_ == &w && last_ == &w && !has_outer();
    if (last) cancel();
    if (!w.suspended.waiting()) return; // cancel() has told it how the promise ended
    w.unlink();
    w.left = true;
    w.suspended.resume();
}

bool promise_state::has_outer() const noexcept {
    return std::any_of(outers_.begin(), outers_.end(), [](auto& o) { return !o.expired(); });
}

} // namespace oocrpc::detail
