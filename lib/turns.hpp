#pragma once

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
/// lines for those who send, for those who come or go and for logins, so that none of them waits
/// for the others, however many those are. For each execution context, made on first use and owned
/// by it. Thread-safe. What has not had its turn when the context is destroyed is destroyed with
/// it.
class turns : public asio::execution_context::service {
  public:
    struct now {};
    using work = unique_function<now>;

  private:
    // What the deque gives back is there for its next turn.
    using line_of_work = std::deque<work, asio::recycling_allocator<work>>;
    struct line {
        line_of_work waiting;
        bool posted = false; // the turn of the first of them
    };

    static auto wait_in(const any_io_executor& executor, line turns::* where) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
            [executor, where](auto handler) {
                add(executor, where, [h = std::move(handler)](now) mutable { std::move(h)(); });
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
        add(executor, &turns::senders_, std::move(what));
    }
    /// The same in the line at the door: for those who are accepted, shake hands, leave, are
    /// cancelled.
    static void take_at_door(const any_io_executor& executor, work what) {
        add(executor, &turns::door_, std::move(what));
    }
    /// The same for an object that is kept until then, as `what(object)`.
    template <class T, class F>
        requires requires(T& object) { object.shared_from_this(); }
    static void take_at_door(T& object, F what) {
        take_at_door(object.get_executor(), [self = object.shared_from_this(),
                                             what = std::move(what)](now) mutable { what(*self); });
    }
    /// Goes on in a later turn, on `executor`. Cancelling has no effect.
    static auto wait(const any_io_executor& executor) {
        return wait_in(executor, &turns::senders_);
    }
    static auto wait_at_door(const any_io_executor& executor) {
        return wait_in(executor, &turns::door_);
    }
    /// The same in the line of the steps of logins, and of passwords that are hashed for them.
    static auto wait_to_log_in(const any_io_executor& executor) {
        return wait_in(executor, &turns::logins_);
    }

  private:
    static void add(const any_io_executor& executor, line turns::* where, work what);
    void shutdown() override;
    void post_next(line& l);
    void post(line& l, bool first_the_others);
    void have_turn(line& l);

    std::mutex mutex_;
    line senders_, door_, logins_;
};

} // namespace oocrpc::detail
