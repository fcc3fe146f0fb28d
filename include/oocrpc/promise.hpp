#pragma once

#include <functional>
#include <memory>
#include <oocrpc/asio.hpp>
#include <oocrpc/detail/promise_state.hpp>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

namespace oocrpc {

/// A value that comes later, given by hand: Twisted's Deferred, awaited instead of called back.
///
/// Copies are handles of one shared state, which lives as long as a handle or an awaiter. The state
/// is single-threaded: all handles and awaiters belong to one executor. It fires once, before or
/// after somebody awaits it; awaiters resume by post, in the order in which they came.
///
/// A failure that no awaiter received when the last handle dies goes to on_unhandled(), once.
/// Chaining promises in a circle makes them wait for each other for ever.
template <class T> class promise {
  public:
    using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    /// Stops what was to fire the promise, and may fire it itself with a value or an error.
    using canceller = std::function<void(promise&)>;

    /// `made` tells people where a failure came from that nobody received. It is the caller
    /// of this constructor, which may be a container: give yours to `optional::emplace()`.
    promise(std::source_location made = std::source_location::current())
        : state_(std::make_shared<state>(made)) {}
    /// `c` is called at most once, and is destroyed when the promise fires: it must not be what
    /// keeps the promise alive, which it is given and need not capture.
    explicit promise(canceller c, std::source_location made = std::source_location::current())
        : promise(made) {
        state_->stop = std::move(c);
    }

    /// One that has fired; Twisted's `succeed`.
    static promise resolved(value_type value)
        requires(!std::is_void_v<T>)
    {
        promise p;
        p.fire(std::move(value));
        return p;
    }
    static promise resolved()
        requires std::is_void_v<T>
    {
        promise p;
        p.fire();
        return p;
    }
    /// One that has failed; Twisted's `fail`. `error` is an exception or an exception_ptr.
    template <class E>
    static promise failed(E error, std::source_location made = std::source_location::current()) {
        promise p(made);
        p.fail(std::move(error));
        return p;
    }

    /// Gives the value to all awaiters. Throws already_fired the second time; the first time after
    /// a cancel() without a canceller it does nothing, since the firing side cannot know.
    void fire(value_type value)
        requires(!std::is_void_v<T>)
    {
        state_->fire(std::move(value));
    }
    void fire()
        requires std::is_void_v<T>
    {
        state_->fire({});
    }
    /// Fires with the outcome that `inner` has or will have. From here on cancel() cancels `inner`.
    void fire(promise inner) { state_->chain(std::move(inner.state_)); }

    /// Throws `error` to all awaiters; otherwise as fire().
    void fail(std::exception_ptr error) { state_->fail(std::move(error)); }
    template <class E>
        requires(!std::is_convertible_v<E, std::exception_ptr>)
    void fail(E error) {
        state_->fail(std::make_exception_ptr(std::move(error)));
    }

    /// Ends the wait: calls the canceller and, unless that fires, fails with `cancelled`. Cancels
    /// the inner promise where this one waits for it; does nothing once it has its outcome.
    void cancel() { state_->cancel(); }

    /// While paused, even a fired promise resumes nobody. Counted.
    void pause() noexcept { state_->pause(); }
    void unpause() { state_->unpause(); }

    /// True once fired, failed or cancelled, even while it waits for an inner promise or is paused.
    bool fired() const noexcept { return state_->fired(); }

    /// The value, as soon as there is one; without suspending where there is. Throws the failure.
    ///
    /// Each awaiter gets a copy; the last one that could ask, with no other handle or awaiter left,
    /// gets the value moved. A type that does not copy goes to the first awaiter, and a second one
    /// gets a std::logic_error. Cancelling an awaiter throws `cancelled` to it alone, but if
    /// nobody else waits it cancels the promise, so that many may share one operation that stops
    /// when none wants it any more; then the awaiter gets what the canceller fires.
    awaitable<T> wait() const { return wait_for(state_); }

  private:
    struct state final : detail::promise_state {
        using detail::promise_state::look;
        using detail::promise_state::promise_state;

        void fire(value_type v) {
            if (!begin()) return;
            value.emplace(std::move(v));
            settle();
        }
        value_type take(bool may_move) {
            if (!value) throw std::logic_error("the value of this promise has been taken");
            if constexpr (std::is_copy_constructible_v<value_type>) {
                if (!may_move) return *value;
            }
            value_type v = std::move(*value);
            value.reset();
            return v;
        }
        void adopt_value(promise_state& inner, bool may_move) override {
            value.emplace(static_cast<state&>(inner).take(may_move));
        }
        bool call_canceller() override {
            auto f = std::exchange(stop, nullptr);
            if (!f) return false;
            promise self(std::static_pointer_cast<state>(shared_from_this()));
            f(self);
            return true;
        }
        void drop_canceller() noexcept override { auto dropped = std::exchange(stop, nullptr); }

        std::optional<value_type> value;
        canceller stop;
    };

    explicit promise(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}

    static awaitable<T> wait_for(std::shared_ptr<state> s) {
        co_await s->ready();
        if (auto error = s->look()) std::rethrow_exception(error);
        if constexpr (!std::is_void_v<T>) co_return s->take(s.use_count() == 1);
    }

    std::shared_ptr<state> state_;
};

} // namespace oocrpc
