#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <oocrpc/asio.hpp>
#include <source_location>
#include <stdexcept>
#include <vector>

namespace oocrpc {

/// Thrown by firing a promise that has fired already; Twisted's AlreadyCalledError.
class already_fired : public std::logic_error {
  public:
    already_fired() : std::logic_error("this promise has fired already") {}
};

namespace detail {

struct promise_waiter;

/// What the handles of one promise share, without its value.
///
/// It goes from pending, perhaps over chained (fired, but with another promise), to settled. An
/// outer promise owns the inner one that it is chained to, the inner one knows the outer weakly:
/// no circle, and an outer promise that everybody has dropped lets go of the inner one.
class promise_state : public std::enable_shared_from_this<promise_state> {
  public:
    explicit promise_state(const std::source_location& made) : made_(made) {}
    promise_state(const promise_state&) = delete;
    virtual ~promise_state();

    bool fired() const noexcept { return fired_; }
    void fail(std::exception_ptr error);
    void chain(std::shared_ptr<promise_state> inner);
    void cancel();
    void pause() noexcept { ++paused_; }
    void unpause();

    /// Suspends until the promise is settled and not paused; throws `cancelled` where this awaiter
    /// is cancelled and others remain.
    awaitable<void> ready();

  protected:
    /// Marks the promise as fired. False where this firing is to be swallowed.
    bool begin();
    /// The outcome is stored: wakes everybody, through any length of chain, without recursion.
    void settle();
    /// The error, now that somebody has looked; null where there is a value.
    std::exception_ptr look() noexcept;

    /// Takes over the outcome of the promise that this one was chained to.
    virtual void adopt_value(promise_state& inner, bool may_move) = 0;
    /// Calls the canceller and forgets it; false where there is none.
    virtual bool call_canceller() = 0;
    virtual void drop_canceller() noexcept = 0;

  private:
    friend promise_waiter;

    bool is_ready() const noexcept { return settled_ && paused_ == 0; }
    void adopt(promise_state& inner, bool may_move);
    void wake(std::vector<std::shared_ptr<promise_state>>& next);
    void leave(promise_waiter& w);
    bool has_outer() const noexcept;

    std::source_location made_;
    bool fired_ = false;
    bool settled_ = false;
    bool looked_ = false;
    bool cancelling_ = false;
    bool swallow_ = false; ///< one firing after a cancel without a canceller
    unsigned paused_ = 0;
    std::exception_ptr error_;
    std::shared_ptr<promise_state> chained_;
    std::vector<std::weak_ptr<promise_state>> outers_;
    promise_waiter* first_ = nullptr;
    promise_waiter* last_ = nullptr;
};

} // namespace detail
} // namespace oocrpc
