#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include <oocrpc/call_deadline.hpp>
#include <oocrpc/detail/queue.hpp>
#include <oocrpc/detail/unique_function.hpp>
#include <oocrpc/message.hpp>

namespace oocrpc {

class context;

/// Who receives the items of a stream and its end; called by the dispatcher, on its thread.
class reply_receiver {
  public:
    virtual ~reply_receiver() = default;
    /// An `item`, or the `reply` or `error` that ends the stream. It may call the dispatcher.
    virtual void on_reply(message m) = 0;
};

/// The ids of one connection: which waiter a reply belongs to, which call a cancel belongs to.
///
/// It has no socket, no coroutine and no clock; it is fed messages and says what to do next. Both
/// directions are here, as the ids of each are its own. It also keeps the order that peers without
/// ids rely on: their calls are answered in order, their replies matched first-in first-out.
class dispatcher {
  public:
    using waiter = detail::unique_function<message>;
    using time_point = call_deadline::clock_type::time_point;

    /// What is known of the peer: an echoed id proves that it is an extended one.
    enum class peer_kind { unknown, base, extended };
    enum class cancel_action {
        none,  ///< no such call, or the peer knows no cancel
        send,  ///< send a cancel now
        later, ///< the peer is unknown yet; take_remembered_cancels() tells when it is
    };

    // Calls that we make.

    /// Registers a call and returns its id, unique among those in flight. `w` is told once.
    std::int64_t start_call(waiter&& w, const call_deadline& deadline);
    /// The same for a call that is answered by a stream.
    std::int64_t start_stream(std::shared_ptr<reply_receiver> r, const call_deadline& deadline);
    /// Says what a call is, for for_each_waiting().
    void describe(std::int64_t id, std::string_view method, time_point since);
    /// The call's bytes follow all that were sent before: takes its place in the order.
    void sent(std::int64_t id);
    /// Ends a call that is not answered, or not by the peer: hands out its waiter, to be told. Its
    /// place in the order stays, as a base peer answers all the same.
    waiter settle(std::int64_t id);
    /// Whether somebody waits for that call.
    bool waiting(std::int64_t id) const noexcept;
    /// The deadline of a call that somebody waits for.
    const call_deadline& deadline(std::int64_t id) const { return slots_[index(id)].deadline; }
    /// Tells the waiter `outcome`, once, and forgets it. Its late reply will be dropped.
    cancel_action abandon(std::int64_t id, message&& outcome);
    /// Tells whoever waits for `m`. False: nobody does, and nothing was done.
    bool on_reply(message& m);
    bool remembers_cancels() const noexcept { return !remembered_cancels_.empty(); }
    /// Cancels that had to wait for the peer to show itself as extended; empty before that.
    std::vector<std::int64_t> take_remembered_cancels();

    peer_kind peer() const noexcept { return peer_; }
    /// The protocol itself says what the peer is.
    void expect(peer_kind peer) noexcept { peer_ = peer; }
    /// Calls with a waiter, plus places kept for replies that will be dropped.
    std::size_t outgoing() const noexcept { return waiting_ + dropped_; }
    std::size_t waiting() const noexcept { return waiting_; }
    /// The ids of the calls whose deadline has passed.
    std::vector<std::int64_t> expired(time_point now) const;
    std::vector<std::int64_t> all_waiting() const;
    /// Calls `f(method, since)` for each call that somebody waits for.
    template <class F> void for_each_waiting(F f) const {
        for (const auto& s : slots_)
            if (s.used) f(s.method, s.since);
    }
    time_point next_deadline() const noexcept;

    // Calls that the peer makes.

    /// Registers a running call and returns the key that finishes it; 0 where `wire_id` is in use.
    /// One that is answered, but has no id, takes its place in the order of answers.
    std::int64_t begin_call(std::int64_t wire_id, context* call, bool answered = true);
    /// Forgets the call; `reply` goes to `send`, at once or, for calls without id, in their order.
    template <class Send> void finish_call(std::int64_t key, message&& reply, Send&& send);
    /// Forgets a call that is not answered, as its connection is over.
    void forget(std::int64_t key);
    /// The running call of that wire id, or null.
    context* find_running(std::int64_t wire_id) const noexcept;
    /// True where a call without id can be answered at once.
    bool in_order() const noexcept { return order_.empty(); }
    std::size_t running() const noexcept { return running_.size(); }
    /// Bytes of answers that wait for the ones before them.
    std::size_t stored() const noexcept { return stored_; }
    /// The keys of at most `most` running calls of which `is_one` says yes.
    template <class F> std::vector<std::int64_t> running_where(std::size_t most, F is_one) const {
        std::vector<std::int64_t> keys;
        for (auto at = running_.begin(); at != running_.end() && keys.size() < most; ++at)
            if (is_one(std::as_const(*at->second))) keys.push_back(at->first);
        return keys;
    }
    template <class F> void for_each_running(F f) const {
        for (auto& [key, call] : running_) f(*call);
    }

  private:
    struct slot {
        waiter one;
        std::shared_ptr<reply_receiver> many;
        call_deadline deadline;
        std::string method; // keeps its memory for the next call
        time_point since{};
        std::uint32_t generation = 1;
        bool used = false;
        bool sent = false; // it has a place in fifo_
    };
    struct place {
        std::int64_t key;
        std::size_t size; // in bytes, once the reply is there
        message reply;
    };
    // Keys count down from -1 for calls with a place in order_, up from here for those without.
    static constexpr std::int64_t unordered = INT64_MIN;
    static bool ordered(std::int64_t key) noexcept { return key < 0 && key > unordered / 2; }

    static std::size_t index(std::int64_t id) noexcept { return static_cast<std::uint32_t>(id); }
    slot& take_slot(std::int64_t& id, const call_deadline& deadline);
    void free_slot(slot& s, std::size_t i) noexcept;
    void keep_place(const slot& s) noexcept;
    void tell(std::int64_t id, message&& m);
    bool store(std::int64_t key, message& reply);

    std::vector<slot> slots_; // a waiter that is being told may register another call
    std::vector<std::uint32_t> free_;
    std::size_t waiting_ = 0;
    detail::queue<std::int64_t> fifo_; // until the peer has shown itself as extended
    std::size_t dropped_ = 0;          // places in fifo_ that nobody waits for any more
    std::vector<std::int64_t> remembered_cancels_;
    peer_kind peer_ = peer_kind::unknown;

    using running_calls = std::unordered_map<std::int64_t, context*>;
    running_calls running_;
    std::vector<running_calls::node_type> spare_;
    detail::queue<place> order_; // calls without id, oldest first
    std::size_t stored_ = 0;     // bytes in order_
    std::int64_t next_key_ = -1;
    std::int64_t next_unordered_ = unordered;
};

template <class Send> void dispatcher::finish_call(std::int64_t key, message&& reply, Send&& send) {
    forget(key);
    if (!ordered(key)) return send(std::move(reply));
    if (!store(key, reply)) return;
    while (!order_.empty() && order_.front().size) {
        message next = std::move(order_.front().reply);
        stored_ -= order_.front().size;
        order_.pop_front();
        send(std::move(next));
    }
}

} // namespace oocrpc
