// The layer that limits how many calls run.

#include <oocrpc/layers.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include <oocrpc/context.hpp>
#include <oocrpc/promise.hpp>

namespace oocrpc {
namespace {

/// A call that waits for its turn, and then has a place.
struct turn {
    explicit turn(any_io_executor ex) : home(std::move(ex)) {}
    any_io_executor home;
    promise<void> comes;
    bool has_come = false;
};

/// The places of the calls that run, and the queue for them. Thread-safe.
///
/// While somebody waits all places are taken: one that is left goes to the first of the queue.
class places {
  public:
    places(std::size_t most, std::size_t longest) : most_(most), longest_(longest) {}

    bool full() const noexcept { return running_.load(std::memory_order_relaxed) >= most_; }
    void enter() {
        std::lock_guard lock(mutex_);
        ++running_;
    }
    void leave() {
        std::lock_guard lock(mutex_);
        pass_on();
    }
    /// False where the queue is as long as it may be.
    bool join(turn& t) {
        std::lock_guard lock(mutex_);
        if (!full()) {
            ++running_;
            call(t);
            return true;
        }
        if (queue_.size() >= longest_) return false;
        queue_.push_back(&t);
        return true;
    }
    /// Out of the queue, or out of the place.
    void quit(turn& t) {
        std::lock_guard lock(mutex_);
        if (t.has_come)
            pass_on();
        else
            std::erase(queue_, &t);
    }

  private:
    void pass_on() {
        if (queue_.empty()) return void(--running_);
        auto& next = *queue_.front();
        queue_.pop_front();
        call(next);
    }
    /// Its loop is there: what waits on one that goes has left before.
    static void call(turn& t) {
        t.has_come = true;
        asio::post(t.home, [comes = t.comes]() mutable {
            if (!comes.fired()) comes.fire();
        });
    }

    const std::size_t most_, longest_;
    std::mutex mutex_;
    std::atomic<std::size_t> running_{0}; // changes under the mutex
    std::deque<turn*> queue_;
};

/// A place that is left however the call ends.
class place {
  public:
    explicit place(std::shared_ptr<places> of) : of_(std::move(of)) { of_->enter(); }
    place(place&&) noexcept = default;
    ~place() {
        if (of_) of_->leave();
    }

  private:
    std::shared_ptr<places> of_;
};

/// The same for one that has to be waited for.
class queued_place {
  public:
    queued_place(std::shared_ptr<places> of, const any_io_executor& ex)
        : of_(std::move(of)),
          turn_(ex),
          joined_(of_->join(turn_)) {}
    queued_place(queued_place&&) = delete;
    ~queued_place() {
        if (joined_) of_->quit(turn_);
    }

    bool joined() const noexcept { return joined_; }
    awaitable<void> wait() { return turn_.comes.wait(); }

  private:
    std::shared_ptr<places> of_;
    turn turn_;
    const bool joined_;
};

awaitable<message> run_in(place, awaitable<message> work) {
    co_return co_await std::move(work);
}

awaitable<message> run_in(std::unique_ptr<queued_place> own, const handler& inner, context& c,
                          message call) {
    co_await own->wait();
    auto outcome = inner(c, std::move(call));
    if (outcome.ready()) co_return outcome.take();
    co_return co_await outcome.wait();
}

} // namespace

handler limited(handler inner, std::size_t most, std::size_t waiting) {
    auto all = std::make_shared<places>(most, waiting);
    auto full = std::to_string(most) + " calls are running";
    if (waiting > 0) full += " and " + std::to_string(waiting) + " are waiting";
    return [=, inner = std::move(inner)](context& c, message&& call) -> maybe_awaitable<message> {
        if (all->full()) {
            auto own = std::make_unique<queued_place>(all, c.executor());
            if (!own->joined()) return message::error(0, errc::overloaded, full);
            call.own();
            return run_in(std::move(own), inner, c, std::move(call));
        }
        auto outcome = inner(c, std::move(call));
        if (outcome.ready()) return outcome;
        place own(all);
        if (!outcome.pending()) return run_in(std::move(own), outcome.wait());
        c.at_end([own = std::move(own)](const message&) {});
        return outcome;
    };
}

} // namespace oocrpc
