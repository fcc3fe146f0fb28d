#include <oocrpc/clock.hpp>

#include <algorithm>

#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/error.hpp>

namespace oocrpc {
namespace detail {

constexpr auto not_in_heap = static_cast<std::size_t>(-1);
// What is due at the same time, as where many peers fall silent together, is not to keep the loop.
constexpr std::chrono::microseconds turn_time{50};

/// `order` is unique for each arming and 0 while disarmed. A callback that is on its way to its
/// executor carries the number it was armed with and runs only if it still stands here. Changed
/// under the clock's mutex, and on the timer's executor, where it may be read without.
struct clock_entry : std::enable_shared_from_this<clock_entry> {
    clock_entry(any_io_executor ex, const std::source_location& where)
        : executor(std::move(ex)),
          made(where) {}

    any_io_executor executor;
    std::source_location made;
    time_point at;
    std::uint64_t order = 0;
    std::size_t position = not_in_heap;
    std::function<void()> callback;
};

} // namespace detail

using detail::not_in_heap;
using detail::turn_time;

clock& clock::of(asio::execution_context& context) {
    return asio::use_service<clock>(context);
}

clock& clock::of(const any_io_executor& ex) {
    return of(asio::query(ex, asio::execution::context));
}

clock::clock(asio::execution_context& context) : asio::execution_context::service(context) {}
clock::~clock() = default;

time_point clock::now() const noexcept {
    // Real time, which every call asks for, needs no lock.
    if (!is_virtual_.load(std::memory_order_acquire)) return std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    return *virtual_now_;
}

time_point clock::after(duration how_long) const noexcept {
    auto now = this->now();
    return how_long > time_point::max() - now ? time_point::max() : now + how_long;
}

std::size_t clock::armed() const noexcept {
    std::lock_guard lock(mutex_);
    return heap_.size();
}

std::vector<std::source_location> clock::armed_at() const {
    std::lock_guard lock(mutex_);
    auto armed = heap_;
    std::sort(armed.begin(), armed.end(), [](auto* a, auto* b) { return before(*a, *b); });
    std::vector<std::source_location> places;
    for (auto* e : armed) places.push_back(e->made);
    return places;
}

void clock::use_virtual() {
    std::lock_guard lock(mutex_);
    cancel_system_timer();
    // Far from zero, so that a deadline in the past can be written without thinking.
    if (!virtual_now_) virtual_now_ = time_point(std::chrono::hours(24));
    is_virtual_.store(true, std::memory_order_release);
}

bool clock::advance_to_next() {
    {
        std::lock_guard lock(mutex_);
        if (heap_.empty()) return false;
        if (virtual_now_) virtual_now_ = std::max(*virtual_now_, heap_.front()->at);
    }
    return fire_due();
}

void clock::advance(duration by) {
    {
        std::lock_guard lock(mutex_);
        if (virtual_now_) *virtual_now_ += by;
    }
    // Callbacks that run inside of this call may arm what is due already.
    while (fire_due()) {
    }
}

bool clock::fire_due(std::size_t at_most) {
    auto now = this->now();
    std::vector<due> ready;
    {
        std::lock_guard lock(mutex_);
        while (ready.size() < at_most && !heap_.empty() && heap_.front()->at <= now) {
            auto& e = *heap_.front();
            ready.push_back({e.shared_from_this(), e.order});
            heap_erase(0);
        }
    }
    for (auto& d : ready) {
        auto ex = d.what->executor;
        asio::dispatch(ex, [d = std::move(d)] {
            if (d.what->order != d.order) return; // disarmed, or armed anew, on the way here
            d.what->order = 0;
            // The callback may arm its timer again or destroy it.
            auto callback = std::exchange(d.what->callback, nullptr);
            callback();
        });
    }
    return !ready.empty();
}

void clock::add(entry& e, time_point at) {
    std::lock_guard lock(mutex_);
    if (e.position != not_in_heap) heap_erase(e.position);
    e.at = at;
    e.order = ++last_order_;
    e.position = heap_.size();
    heap_.push_back(&e);
    sift(e.position);
    if (!virtual_now_ && (!system_at_ || at < *system_at_)) set_system_timer(e.executor);
}

void clock::remove(entry& e) noexcept {
    std::lock_guard lock(mutex_);
    e.order = 0;
    if (e.position == not_in_heap) return;
    heap_erase(e.position);
    // A later earliest is left to the next expiry; but with nothing armed, the system's timer must
    // not keep run() waiting.
    if (!heap_.empty() || !system_at_ || watching_idle_) return;
    watching_idle_ = true;
    asio::post(system_timer_->get_executor(), [this] { cancel_if_idle(2); });
}

/// Cancels the system's timer if nothing is armed for some turns of the loop: one call after the
/// other, each with a deadline, would otherwise set and cancel it each time, two system calls.
void clock::cancel_if_idle(int turns) {
    std::lock_guard lock(mutex_);
    watching_idle_ = false;
    if (!heap_.empty() || !system_at_) return;
    if (turns == 0) return cancel_system_timer();
    watching_idle_ = true;
    asio::post(system_timer_->get_executor(), [this, turns] { cancel_if_idle(turns - 1); });
}

void clock::set_system_timer(const any_io_executor& ex) {
    if (!system_timer_) system_timer_.emplace(ex);
    system_at_ = heap_.front()->at;
    system_timer_->expires_at(*system_at_);
    system_timer_->async_wait([this, wait = ++last_wait_](std::error_code ec) {
        if (!ec) on_system_timer(wait);
    });
}

void clock::cancel_system_timer() noexcept {
    if (!system_at_) return;
    system_at_.reset();
    ++last_wait_; // one whose expiry is queued already cannot be cancelled any more
    system_timer_.reset();
}

void clock::on_system_timer(std::uint64_t wait) {
    {
        std::lock_guard lock(mutex_);
        if (wait != last_wait_) return;
        system_at_.reset();
    }
    // The rest at once, and in turns of the loop that others have, too.
    const auto end = std::chrono::steady_clock::now() + turn_time;
    while (fire_due(1) && std::chrono::steady_clock::now() < end) {
    }
    std::lock_guard lock(mutex_);
    if (!virtual_now_ && !heap_.empty() && (!system_at_ || heap_.front()->at < *system_at_))
        set_system_timer(heap_.front()->executor);
    // Its executor is that of the first who armed something, perhaps of a call that has ended and
    // whose work would keep run() from returning: it must not be held while nothing is armed.
    if (!system_at_) system_timer_.reset();
}

void clock::shutdown() {
    std::vector<std::function<void()>> callbacks;
    {
        std::lock_guard lock(mutex_);
        for (auto* e : heap_) {
            e->position = not_in_heap;
            e->order = 0;
            callbacks.push_back(std::exchange(e->callback, nullptr));
        }
        heap_.clear();
        system_at_.reset();
        system_timer_.reset();
    }
    // Callbacks may own timers: destroyed without the mutex.
}

bool clock::before(const entry& a, const entry& b) noexcept {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
}

void clock::heap_erase(std::size_t position) noexcept {
    heap_[position]->position = not_in_heap;
    auto* moved = heap_.back();
    heap_.pop_back();
    if (position == heap_.size()) return;
    heap_[position] = moved;
    moved->position = position;
    sift(position);
}

/// Moves the entry at `position` up or down to where it belongs.
void clock::sift(std::size_t position) noexcept {
    auto swap_with = [&](std::size_t other) {
        std::swap(heap_[position], heap_[other]);
        heap_[position]->position = position;
        heap_[other]->position = other;
        position = other;
    };
    while (position > 0 && before(*heap_[position], *heap_[(position - 1) / 2]))
        swap_with((position - 1) / 2);
    for (;;) {
        auto child = position * 2 + 1;
        if (child >= heap_.size()) return;
        if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
        if (!before(*heap_[child], *heap_[position])) return;
        swap_with(child);
    }
}

timer::timer(const any_io_executor& ex, std::source_location made)
    : clock_(clock::of(ex)),
      entry_(std::make_shared<detail::clock_entry>(ex, made)) {}

timer::~timer() {
    disarm();
}

void timer::arm_function(time_point at, std::function<void()> callback) {
    // What is replaced may own things whose destructors come back here: it dies last.
    std::swap(entry_->callback, callback);
    clock_.add(*entry_, at);
}

void timer::disarm() noexcept {
    if (!armed()) return; // then the clock may be gone too
    clock_.remove(*entry_);
    auto dropped = std::exchange(entry_->callback, nullptr);
}

bool timer::armed() const noexcept {
    return entry_->order != 0;
}

awaitable<void> sleep_for(duration how_long, std::source_location made) {
    auto ex = co_await this_coro::executor;
    auto at = clock::of(ex).after(how_long);
    co_await sleep_until(at, made);
}

awaitable<void> sleep_until(time_point at, std::source_location made) {
    auto ex = co_await this_coro::executor;
    if (detail::is_requested(co_await this_coro::cancellation_state))
        throw rpc_error(errc::cancelled);
    detail::suspension suspended;
    bool cancelled = false;
    timer until(ex, made);
    auto started = [&] { until.arm(at, [&suspended] { suspended.resume(); }); };
    auto on_cancel = [&] {
        until.disarm();
        cancelled = true;
        suspended.resume();
    };
    co_await suspended.wait(started, on_cancel);
    if (cancelled) throw rpc_error(errc::cancelled);
}

} // namespace oocrpc
