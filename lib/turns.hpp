#pragma once

#include <array>
#include <deque>
#include <mutex>

#include <asio/recycling_allocator.hpp>

#include <oocrpc/asio.hpp>
#include <oocrpc/detail/unique_function.hpp>

namespace oocrpc::detail {

/// Turns of the loop for what would keep it from others if all of it were done at once.
///
/// Each turn is for one of those that wait, first come, first served, and in between the loop looks
/// what else has come: so that everybody else waits no longer the more of them there are. There are
/// lines for those who send, for those who come or go and for logins, which have their turns one
/// after the other, so that none waits until another is empty. For each execution context, made on
/// first use and owned by it. Thread-safe. What has not had its turn when the context is destroyed
/// is destroyed with it.
class turns : public asio::execution_context::service {
  public:
    struct now {};
    using work = unique_function<now>;

  private:
    enum line : std::size_t { senders, door, logins };

    static auto wait_in(const any_io_executor& executor, line which) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
            [executor, which](auto handler) {
                add(executor, which, [h = std::move(handler)](now) mutable { std::move(h)(); });
            },
            use_awaitable);
    }

  public:
    using key_type = turns;
    inline static asio::execution_context::id id;

    explicit turns(asio::execution_context& context) : asio::execution_context::service(context) {}

    /// Only where a loop itself executes: of strands, several run at the same time.
    static bool taken_on(const any_io_executor& executor) noexcept;
    /// Does `what` on `executor`, in a later turn of its loop; where no turns are taken, it is
    /// posted. For messages, reads, items.
    static void take(const any_io_executor& executor, work what) {
        add(executor, senders, std::move(what));
    }
    /// The same in the line at the door: for those who are accepted, shake hands, leave, are
    /// cancelled.
    static void take_at_door(const any_io_executor& executor, work what) {
        add(executor, door, std::move(what));
    }
    /// The same for an object that is kept until then, as `what(object)`.
    template <class T, class F>
        requires requires(T& object) { object.shared_from_this(); }
    static void take_at_door(T& object, F what) {
        take_at_door(object.get_executor(), [self = object.shared_from_this(),
                                             what = std::move(what)](now) mutable { what(*self); });
    }
    /// Goes on in a later turn, on `executor`. Cancelling has no effect.
    static auto wait(const any_io_executor& executor) { return wait_in(executor, senders); }
    static auto wait_at_door(const any_io_executor& executor) { return wait_in(executor, door); }
    /// The same in the line of the steps of logins, and of passwords that are hashed for them.
    static auto wait_to_log_in(const any_io_executor& executor) {
        return wait_in(executor, logins);
    }

  private:
    static void add(const any_io_executor& executor, line which, work what);
    void shutdown() override;
    void post();
    work choose();
    void go_on();

    std::mutex mutex_;
    // What a deque gives back is there for its next turn.
    std::array<std::deque<work, asio::recycling_allocator<work>>, 3> lines_;
    std::size_t last_ = 0; // the line that had the last turn
    bool paused_ = false;  // nobody has had one since
    bool posted_ = false;  // the next turn
};

} // namespace oocrpc::detail
