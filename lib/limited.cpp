// The layer that limits how many calls run.

#include <oocrpc/layers.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include <oocrpc/connection.hpp>
#include <oocrpc/connection_counts.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/promise.hpp>

namespace oocrpc {
namespace {

// Of the places, and of those in the queue, the last eighth is for addresses that have less than an
// eighth, so that none shuts the others out.
constexpr std::size_t kept_part = 8;

struct waiter;

/// What the calls from one address have, by its name.
struct share {
    std::size_t running = 0;
    std::list<waiter*> queue;
};
using shares = std::unordered_map<std::string, share>;
using share_ptr = shares::value_type*;

/// A call that waits for a place, and then has it.
struct waiter {
    explicit waiter(any_io_executor ex) : home(std::move(ex)) {}
    any_io_executor home;
    promise<void> served;
    share_ptr whose = nullptr;
    std::list<waiter*>::iterator at;
    std::uint64_t rank = 0; // of its arrival
    bool has_place = false;
};

/// A number that is not reached by one address alone.
class room {
  public:
    explicit room(std::size_t most) : most_(most) {}

    bool full(std::size_t taken) const noexcept { return taken >= most_; }
    /// For everybody, whatever they have.
    bool open(std::size_t taken) const noexcept { return taken < most_ - kept(); }
    bool few(std::size_t own) const noexcept { return own < kept(); }
    bool takes(std::size_t taken, std::size_t own) const noexcept {
        return open(taken) || (!full(taken) && few(own));
    }

  private:
    std::size_t kept() const noexcept { return most_ / kept_part; }
    std::size_t most_;
};

/// The places of the calls that run, and the queue for them. Thread-safe.
///
/// Nobody waits who may have a place that is free, but for want of memory: one that is left goes to
/// the first of the queue that may.
class places {
  public:
    places(std::size_t most, std::size_t longest) : running_room_(most), waiting_room_(longest) {}

    bool full() const noexcept { return running_room_.full(running()); }
    /// Whether a call from there may begin.
    bool fits(const std::string& address) {
        if (running_room_.open(running())) return true;
        std::lock_guard lock(mutex_);
        const auto at = shares_.find(address);
        return fits_now(at == shares_.end() ? 0 : counted(*at));
    }
    share_ptr enter(const std::string& address) {
        std::lock_guard lock(mutex_);
        const auto whose = find(address);
        begin(whose);
        return whose;
    }
    void leave(share_ptr whose) noexcept {
        std::lock_guard lock(mutex_);
        end(whose);
    }
    /// False where the queue is as long as it may be.
    bool join(waiter& w, const std::string& address) {
        std::lock_guard lock(mutex_);
        w.whose = find(address);
        const bool joined = fits_now(counted(*w.whose)) ? serve(w) : enqueue(w);
        if (!joined) forget_if_unused(w.whose);
        return joined;
    }
    /// Out of the queue, or out of the place.
    void quit(waiter& w) noexcept {
        std::lock_guard lock(mutex_);
        if (w.has_place) return end(w.whose);
        dequeue(w);
        forget_if_unused(w.whose);
    }

  private:
    struct came_first {
        bool operator()(share_ptr a, share_ptr b) const noexcept {
            return a->second.queue.front()->rank < b->second.queue.front()->rank;
        }
    };
    /// Those whose calls wait.
    using line = std::set<share_ptr, came_first>;

    std::size_t running() const noexcept { return running_.load(std::memory_order_relaxed); }
    bool fits_now(std::size_t own) const noexcept { return running_room_.takes(running(), own); }
    /// Those from nowhere may be anybody's.
    std::size_t counted(const shares::value_type& s) const noexcept {
        return &s == &nowhere_ ? 0 : s.second.running;
    }
    share_ptr find(const std::string& address) {
        return address.empty() ? &nowhere_ : &*shares_.try_emplace(address).first;
    }
    void forget_if_unused(share_ptr whose) noexcept {
        if (whose != &nowhere_ && whose->second.running == 0 && whose->second.queue.empty())
            shares_.erase(shares_.find(whose->first));
    }
    line& line_of(share_ptr whose) noexcept {
        return running_room_.few(counted(*whose)) ? with_few_ : with_many_;
    }
    /// Changes what says in which line a share is, and where.
    template <class F> void change(share_ptr whose, F what) noexcept {
        line::node_type here;
        if (!whose->second.queue.empty()) here = line_of(whose).extract(whose);
        what(whose->second);
        if (!whose->second.queue.empty()) line_of(whose).insert(std::move(here));
    }
    void begin(share_ptr whose) noexcept {
        ++running_;
        change(whose, [](share& s) { ++s.running; });
    }
    void end(share_ptr whose) noexcept {
        --running_;
        change(whose, [](share& s) { --s.running; });
        forget_if_unused(whose);
        for (auto* next = first(); next && serve(*next); next = first()) dequeue(*next);
    }
    /// Of those that may have a place, the one that came first; null where none may.
    waiter* first() const noexcept {
        share_ptr found = nullptr;
        if (!full() && !with_few_.empty()) found = *with_few_.begin();
        if (running_room_.open(running()) && !with_many_.empty() &&
            (!found || came_first()(*with_many_.begin(), found)))
            found = *with_many_.begin();
        return found ? found->second.queue.front() : nullptr;
    }
    /// False where there is no room in the queue, or no memory.
    bool enqueue(waiter& w) noexcept {
        auto& own = w.whose->second.queue;
        if (!waiting_room_.takes(waiting_, w.whose == &nowhere_ ? 0 : own.size())) return false;
        w.rank = next_rank_++;
        try {
            w.at = own.insert(own.end(), &w);
            if (own.size() == 1) line_of(w.whose).insert(w.whose);
        } catch (const std::bad_alloc&) {
            if (!own.empty() && own.back() == &w) own.pop_back();
            return false;
        }
        ++waiting_;
        return true;
    }
    void dequeue(waiter& w) noexcept {
        change(w.whose, [&](share& s) { s.queue.erase(w.at); });
        --waiting_;
    }
    /// False where there is no memory for it: who waits does so until the next place is left. Its
    /// loop is there: what waits on one that goes has left before.
    bool serve(waiter& w) noexcept try {
        asio::post(w.home, [served = w.served]() mutable {
            if (!served.fired()) served.fire();
        });
        w.has_place = true;
        begin(w.whose);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }

    const room running_room_, waiting_room_;
    std::mutex mutex_;
    std::atomic<std::size_t> running_{0}; // changes under the mutex
    shares shares_;
    shares::value_type nowhere_{}; // whose calls come over no network
    // Of those with less than the part that is kept, who may have any place, and of the others.
    line with_few_, with_many_;
    std::size_t waiting_ = 0;
    std::uint64_t next_rank_ = 0;
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
    share_ptr whose_;
};

/// The same for one that has to be waited for.
class queued_place {
  public:
    queued_place(std::shared_ptr<places> of, const any_io_executor& ex, const std::string& address)
        : of_(std::move(of)),
          own_(ex),
          joined_(of_->join(own_, address)) {}
    queued_place(queued_place&&) = delete;
    ~queued_place() {
        if (joined_) of_->quit(own_);
    }

    bool joined() const noexcept { return joined_; }
    awaitable<void> wait() { return own_.served.wait(); }

  private:
    std::shared_ptr<places> of_;
    waiter own_;
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
    // The calls of a connection that ends are cancelled one after the other.
    if (c.cancelled() || c.shared_connection()->closed())
        throw rpc_error(errc::cancelled, "the caller is gone");
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
