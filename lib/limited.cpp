// The layer that limits how many calls run.

#include <oocrpc/layers.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include <oocrpc/connection_counts.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/promise.hpp>

namespace oocrpc {
namespace {

// Of the places, and of those in the queue, the last eighth is for addresses that have less than an
// eighth, so that none shuts the others out.
constexpr std::size_t kept_part = 8;

/// What the calls from one address have, by its name; calls from nowhere are in none.
struct share {
    std::size_t running = 0;
    std::size_t waiting = 0;
};
using shares = std::unordered_map<std::string, share>;
using share_of = shares::value_type*;

/// A call that waits for its turn, and then has a place.
struct turn {
    explicit turn(any_io_executor ex) : home(std::move(ex)) {}
    any_io_executor home;
    promise<void> comes;
    share_of whose = nullptr;
    bool has_come = false;
};

/// A number that is not reached by one address alone.
class room {
  public:
    explicit room(std::size_t most) : most_(most) {}

    bool full(std::size_t taken) const noexcept { return taken >= most_; }
    /// For everybody, whatever they have.
    bool open(std::size_t taken) const noexcept { return taken < most_ - kept(); }
    bool takes(std::size_t taken, std::size_t own) const noexcept {
        return open(taken) || (!full(taken) && own < kept());
    }

  private:
    std::size_t kept() const noexcept { return most_ / kept_part; }
    std::size_t most_;
};

/// The places of the calls that run, and the queue for them. Thread-safe.
///
/// Nobody waits who may have a place that is free: one that is left goes to the first of the queue
/// that may.
class places {
  public:
    places(std::size_t most, std::size_t longest) : running_room_(most), waiting_room_(longest) {}

    bool full() const noexcept { return running_room_.full(running()); }
    /// Whether a call from there may begin.
    bool fits(const std::string& address) {
        if (running_room_.open(running())) return true;
        std::lock_guard lock(mutex_);
        const auto at = shares_.find(address);
        return fits_now(at == shares_.end() ? 0 : at->second.running);
    }
    share_of enter(const std::string& address) {
        std::lock_guard lock(mutex_);
        const auto whose = find(address);
        begin(whose);
        return whose;
    }
    void leave(share_of whose) {
        std::lock_guard lock(mutex_);
        end(whose);
    }
    /// False where the queue is as long as it may be.
    bool join(turn& t, const std::string& address) {
        std::lock_guard lock(mutex_);
        t.whose = find(address);
        const auto own = t.whose ? t.whose->second : share();
        if (fits_now(own.running)) {
            call(t);
            return true;
        }
        if (!waiting_room_.takes(queue_.size(), own.waiting)) {
            forget_if_unused(t.whose);
            return false;
        }
        queue_.push_back(&t);
        if (t.whose) ++t.whose->second.waiting;
        return true;
    }
    /// Out of the queue, or out of the place.
    void quit(turn& t) {
        std::lock_guard lock(mutex_);
        if (t.has_come) return end(t.whose);
        std::erase(queue_, &t);
        if (t.whose) --t.whose->second.waiting;
        forget_if_unused(t.whose);
    }

  private:
    std::size_t running() const noexcept { return running_.load(std::memory_order_relaxed); }
    bool fits_now(std::size_t own) const noexcept { return running_room_.takes(running(), own); }
    share_of find(const std::string& address) {
        return address.empty() ? nullptr : &*shares_.try_emplace(address).first;
    }
    void forget_if_unused(share_of whose) {
        if (whose && whose->second.running + whose->second.waiting == 0)
            shares_.erase(shares_.find(whose->first));
    }
    void begin(share_of whose) noexcept {
        ++running_;
        if (whose) ++whose->second.running;
    }
    void end(share_of whose) {
        --running_;
        if (whose) --whose->second.running;
        forget_if_unused(whose);
        for (auto next = queue_.begin(); next != queue_.end() && !full();) {
            auto& t = **next;
            if (t.whose && !fits_now(t.whose->second.running)) {
                ++next;
                continue;
            }
            next = queue_.erase(next);
            if (t.whose) --t.whose->second.waiting;
            call(t);
        }
    }
    /// Its loop is there: what waits on one that goes has left before.
    void call(turn& t) {
        begin(t.whose);
        t.has_come = true;
        asio::post(t.home, [comes = t.comes]() mutable {
            if (!comes.fired()) comes.fire();
        });
    }

    const room running_room_, waiting_room_;
    std::mutex mutex_;
    std::atomic<std::size_t> running_{0}; // changes under the mutex
    shares shares_;
    std::deque<turn*> queue_;
};

/// A place that is left however the call ends.
class place {
  public:
    place(std::shared_ptr<places> of, const std::string& address)
        : of_(std::move(of)),
          whose_(of_->enter(address)) {}
    place(place&&) noexcept = default;
    ~place() {
        if (of_) of_->leave(whose_);
    }

  private:
    std::shared_ptr<places> of_;
    share_of whose_;
};

/// The same for one that has to be waited for.
class queued_place {
  public:
    queued_place(std::shared_ptr<places> of, const any_io_executor& ex, const std::string& address)
        : of_(std::move(of)),
          turn_(ex),
          joined_(of_->join(turn_, address)) {}
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

/// Where the calls of a connection come from, which is found out once.
struct origin {
    std::optional<std::string> address;
};

const std::string& origin_of(context& c) {
    auto& from = c.session<origin>().address;
    if (!from) from = connection_counts::address_of(c.info().address);
    return *from;
}

constexpr auto kept_for_others = "the calls that may still run are kept for other addresses";

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
        if (!all->fits(origin_of(c))) {
            auto own = std::make_unique<queued_place>(all, c.executor(), origin_of(c));
            if (!own->joined())
                return message::error(0, errc::overloaded, all->full() ? full : kept_for_others);
            call.own();
            return run_in(std::move(own), inner, c, std::move(call));
        }
        auto outcome = inner(c, std::move(call));
        if (outcome.ready()) return outcome;
        place own(all, origin_of(c));
        if (!outcome.pending()) return run_in(std::move(own), outcome.wait());
        c.at_end([own = std::move(own)](const message&) {});
        return outcome;
    };
}

} // namespace oocrpc
