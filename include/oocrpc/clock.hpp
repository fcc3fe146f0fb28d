#pragma once

#include <asio/execution_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <oocrpc/asio.hpp>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

namespace oocrpc {

using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;

namespace detail {
struct clock_entry;
}

/// The time of one execution context, and the one operating system timer behind all its deadlines.
///
/// Made on first use, owned by the context. Armed timers sit in a heap; the system's timer is set
/// again only where the earliest becomes earlier, so that arming and disarming a deadline for each
/// call makes no system call. Thread-safe.
///
/// For tests it can be virtual, as Twisted's `task.Clock` is: then time moves only when told to.
class clock : public asio::execution_context::service {
  public:
    using key_type = clock;
    inline static asio::execution_context::id id;

    static clock& of(asio::execution_context& context);
    static clock& of(const any_io_executor& ex);

    explicit clock(asio::execution_context& context);
    ~clock() override;

    time_point now() const noexcept;
    /// now() + `how_long`; where that is beyond all time points, the last of them: never.
    time_point after(duration how_long) const noexcept;
    /// How many timers are armed.
    std::size_t armed() const noexcept;
    /// Where each armed timer was made, the earliest due first.
    std::vector<std::source_location> armed_at() const;

    /// From here on now() starts at a fixed point and moves only through the two functions below,
    /// and an armed timer does not keep the context's run() from returning.
    void use_virtual();
    /// Virtual time only: jumps to the earliest armed timer and fires all that are due then.
    /// False where none is armed.
    bool advance_to_next();
    /// Virtual time only: moves on by `by` and fires what is due in the order of their times.
    void advance(duration by);

  private:
    friend class timer;
    using entry = detail::clock_entry;
    struct due {
        std::shared_ptr<entry> what;
        std::uint64_t order;
    };

    void shutdown() override;
    void add(entry& e, time_point at);
    void remove(entry& e) noexcept;
    bool fire_due(std::size_t at_most = SIZE_MAX);

    void set_system_timer(const any_io_executor& ex);
    void cancel_system_timer() noexcept;
    void on_system_timer(std::uint64_t wait);
    void cancel_if_idle(int turns);

    void heap_erase(std::size_t position) noexcept;
    void sift(std::size_t position) noexcept;
    static bool before(const entry& a, const entry& b) noexcept;

    mutable std::mutex mutex_;
    std::vector<entry*> heap_;
    std::uint64_t last_order_ = 0;
    std::optional<time_point> virtual_now_;
    std::atomic<bool> is_virtual_{false};
    std::optional<asio::steady_timer> system_timer_;
    std::optional<time_point> system_at_; ///< what the system's timer waits for, if it does
    std::uint64_t last_wait_ = 0;
    bool watching_idle_ = false; ///< cancel_if_idle() is on its way
};

/// One callback at one time: a member of what needs a deadline.
///
/// Used on its executor only, where the callback runs too; after disarm() it does not run. Arming
/// again replaces what was armed and, for a callback as small as one captured pointer, allocates
/// nothing. An armed timer keeps the context's run() from returning, as Asio's do. The execution
/// context may be destroyed first: then the callback is destroyed with it, and only destroying or
/// disarming the timer is allowed after that.
class timer {
  public:
    /// `made` is for people who look for a timer that was left armed.
    explicit timer(const any_io_executor& ex,
                   std::source_location made = std::source_location::current());
    timer(timer&&) = delete;
    ~timer();

    /// Calls `callback` once at `at`, or as soon as possible if that has passed.
    template <class F> void arm(time_point at, F callback) {
        arm_function(at, std::function<void()>(std::move(callback)));
    }
    void disarm() noexcept;
    bool armed() const noexcept;

  private:
    void arm_function(time_point at, std::function<void()> callback);

    clock& clock_;
    std::shared_ptr<detail::clock_entry> entry_;
};

/// Waits until the clock of the awaiting coroutine's executor has moved on by `how_long`; as
/// Twisted's `deferLater`, on the clock that tests drive.
///
/// Cancelling the awaiting coroutine disarms the timer at once and throws `cancelled`.
awaitable<void> sleep_for(duration how_long,
                          std::source_location made = std::source_location::current());
/// The same for a point in time; one that has passed returns at the next turn of the loop.
awaitable<void> sleep_until(time_point at,
                            std::source_location made = std::source_location::current());

} // namespace oocrpc
