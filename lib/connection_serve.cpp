// The calls that the peer makes on a connection.

#include <algorithm>

#include "collected.hpp"
#include "runner_pool.hpp"
#include "turns.hpp"

namespace oocrpc {
namespace {

// Contexts that are kept for the next calls, and bytes that each may keep for them. They belong to
// the thread, so that a connection on which nothing happens keeps none.
constexpr std::size_t spare_contexts = 64;
constexpr std::size_t spare_bytes = 4096;
thread_local std::vector<std::unique_ptr<context>> spare;
// Bytes of items that one turn of the loop makes.
constexpr std::size_t items_of_a_turn = 16 << 10;
// And how many, where they are not sent.
constexpr std::int32_t unsent_of_a_turn = 32;
// An exception takes a cancelled handler through all of its coroutines to its end, which costs as
// much as that many messages.
constexpr std::size_t cost_of_cancel = 32;
// So many are cancelled in one turn of the loop where they are late, or their connection ends.
constexpr std::size_t cancels_of_a_turn = 1;
// A handler that waits takes a coroutine, a place among the others, and what it waits for.
constexpr std::size_t cost_of_waiting = 8;
// An error that cannot travel as it is travels with that much of its text.
constexpr std::size_t most_detail = 1024;
// An answer up to this size goes out however little memory there is.
constexpr std::size_t small_answer = 64 << 10;
constexpr auto no_memory = "the process has no memory left for it";

/// ASCII that says as much of `text` as can travel in any case.
std::string legible(std::string_view text) {
    std::string out(text.substr(0, most_detail));
    for (auto& c : out)
        if (static_cast<signed char>(c) < ' ') c = '?';
    return out;
}

} // namespace

std::unique_ptr<context> connection::take_context() {
    if (spare.empty()) return std::make_unique<context>(*this);
    auto c = std::move(spare.back());
    spare.pop_back();
    return c;
}

void connection::release(std::unique_ptr<context> c) {
    if (c->later_.under_way()) { // nobody waits for that answer any more, but it will come
        auto& later = c->later_;
        later.receive([self = c->connection_->shared_from_this(),
                       c = std::move(c)](message&&) mutable { release(std::move(c)); });
        return later.signal().emit(asio::cancellation_type::terminal);
    }
    if (spare.size() >= spare_contexts || c->scratch_.capacity() > spare_bytes ||
        c->method_.capacity() > spare_bytes || c->user_.capacity() > spare_bytes)
        return;
    c->end();
    spare.push_back(std::move(c));
}

void connection::on_call(message& call) {
    if (call.id && dispatcher_.find_running(call.id))
        return violation("call id " + std::to_string(call.id) + " is already in flight");
    peer_has_ids_ |= call.id > 0;
    if (state_ == state::draining) say_goaway();
    auto c = take_context();
    c->begin(*this, call);
    c->begun_ = batch_time_;
    if (call.timeout_ms >= 0)
        c->deadline_ = call_deadline::after(std::chrono::milliseconds(call.timeout_ms), batch_time_,
                                            deadline_origin::caller);
    if (options_.max_call_time) c->end_after(*options_.max_call_time);
    if (auto why = refuse_call(*c)) {
        finish(*c, std::move(*why));
        return release(std::move(c));
    }
    auto outcome = invoke(*c, std::move(call));
    if (auto* later = outcome.pending()) return wait_for(std::move(c), *later);
    if (!outcome.ready()) return run(std::move(c), outcome.wait());
    finish(*c, outcome.take());
    release(std::move(c));
}

std::optional<message> connection::refuse_call(context& c) {
    if (state_ != state::open && batch_time_ >= grace_until_)
        return message::error(0, errc::unavailable, "the server is draining");
    if (c.deadline_.passed(batch_time_))
        return message::error(0, errc::deadline_exceeded, c.deadline_.text());
    if (dispatcher_.running() >= limit().max_in_flight)
        return message::error(0, errc::overloaded,
                              std::to_string(limit().max_in_flight) +
                                  " calls are in flight on the connection");
    if (c.streaming_ && streams_ >= limit().max_streams)
        return message::error(0, errc::overloaded,
                              std::to_string(limit().max_streams) +
                                  " streams are open on the connection");
    if (out_of_memory()) return message::error(0, errc::overloaded, no_memory);
    return std::nullopt;
}

/// A call that is not answered at once takes part of what the connection may use, also once it is
/// cancelled, until its handler has come to its end.
void connection::count(context& c) noexcept {
    c.counted_ = true;
    c.counted_stream_ = c.streaming_;
    if (c.counted_stream_) ++streams_;
    call_bytes_ += c.size_;
    account();
}

void connection::uncount(context& c) noexcept {
    if (!std::exchange(c.counted_, false)) return;
    if (c.counted_stream_) --streams_;
    call_bytes_ -= c.size_;
    account();
}

/// It holds so many bytes more until it ends.
void connection::charge(context& c, std::size_t more) noexcept {
    c.size_ += more;
    if (!c.counted_) return;
    call_bytes_ += more;
    account();
}

maybe_awaitable<message> connection::invoke(context& c, message&& call) {
    if (!serve_)
        return message::error(0, errc::no_such_method, "'" + c.method() + "': nothing is served");
    try {
        return (*serve_)(c, std::move(call));
    } catch (...) {
        return to_error(std::current_exception());
    }
}

void connection::run(std::unique_ptr<context> c, awaitable<message> work) {
    c->key_ = dispatcher_.begin_call(c->wire_id_, c.get(), !c->oneway_);
    count(*c);
    spent_ += cost_of_waiting;
    if (c->deadline_) arm(c->deadline_.at);
    if (!runners_) runners_ = std::make_shared<detail::runner_pool>(executor_);
    runners_->run(shared_from_this(), std::move(c), std::move(work));
}

/// A call that a callback will answer, or give up.
struct connection::open_call {
    open_call(std::shared_ptr<connection> s, std::unique_ptr<context> c)
        : self(std::move(s)),
          call(std::move(c)) {}
    open_call(open_call&&) noexcept = default;
    ~open_call() {
        if (!call) return;
        if (self->state_ != state::closed) {
            end(message::error(0, errc::internal, "the call was given up"));
        } else { // nobody is told
            self->uncount(*call);
            self->dispatcher_.forget(call->key_);
        }
    }
    void operator()(message&& reply) { end(std::move(reply)); }
    void end(message&& reply) {
        auto c = std::move(call);
        c->signal_ = nullptr;
        self->finish(*c, std::move(reply));
        release(std::move(c));
    }

    std::shared_ptr<connection> self;
    std::unique_ptr<context> call;
};

void connection::wait_for(std::unique_ptr<context> c, pending<message>& answer) {
    auto& call = *c;
    call.key_ = dispatcher_.begin_call(call.wire_id_, &call, !call.oneway_);
    count(call);
    spent_ += cost_of_waiting;
    if (call.deadline_) arm(call.deadline_.at);
    call.signal_ = &answer.signal();
    const bool cancelled = call.cancelled_; // by a layer, before
    answer.receive(open_call(shared_from_this(), std::move(c)));
    if (cancelled) answer.signal().emit(asio::cancellation_type::terminal);
}

void connection::finish(context& c, message&& reply) {
    c.tell_end(reply);
    uncount(c);
    if (c.expired_ && reply.fault && reply.fault->code == static_cast<int>(errc::cancelled))
        reply = message::error(0, errc::deadline_exceeded, c.deadline_.text());
    c.collect_into(reply);
    reply.id = c.wire_id_;
    reply.oneway = c.oneway_;
    // What a handler's layers add comes beside what the reply itself carries.
    for (const auto& [name, text] : c.reply_meta_) reply.meta.set(name, text);
    // A call without id that was answered at once still waits for the ones before it.
    if (!c.key_ && !c.wire_id_ && !c.oneway_ && !dispatcher_.in_order())
        c.key_ = dispatcher_.begin_call(0, &c);
    if (c.key_)
        dispatcher_.finish_call(c.key_, std::move(reply), [this](message m) { put_reply(m); });
    else
        put_reply(reply);
    flush();
    close_if_idle();
    resume_reading();
}

void connection::put_reply(const message& m) {
    if (!m.oneway && !muted_ && state_ != state::closed) put_answer(m);
}

void connection::put_answer(const message& m) {
    const auto before = out_.size();
    if (m.body.data.size() > small_answer && out_of_memory())
        put(message::error(m.id, errc::overloaded, no_memory));
    else if (const auto outcome = put(m); outcome != encoded::done)
        put(instead_of(m, outcome));
    replies_queued_ += out_.size() - before;
}

message connection::instead_of(const message& m, encoded fault) const {
    if (m.fault)
        return message::error(m.id,
                              {legible(m.fault->message), legible(m.fault->detail), m.fault->code});
    if (fault == encoded::too_large)
        return message::error(m.id, errc::message_too_large,
                              "the answer exceeds the limit of a message, " +
                                  std::to_string(options_.limit.max_message) + " bytes");
    return message::error(m.id, errc::internal,
                          fault == encoded::invalid
                              ? "a text of the answer is not UTF-8, or a key holds NUL"
                              : info_.protocol + " cannot carry this answer");
}

message connection::to_error(const std::exception_ptr& e) const {
    try {
        std::rethrow_exception(e);
    } catch (const rpc_error& error) {
        return message::error(0, error);
    } catch (const std::exception& error) {
        if (is_cancelled(e)) return message::error(0, errc::cancelled, "the call was cancelled");
        if (options_.exceptions == exception_text::exposed)
            return message::error(0, errc::internal, error.what());
    } catch (...) {
    }
    return message::error(0, errc::internal, "the handler failed");
}

void connection::on_cancel(const message& m) {
    if (!cancels_.take(batch_time_, limit().max_cancels)) unread_until_ = cancels_.end();
    auto* c = dispatcher_.find_running(m.id);
    if (!c) return;
    spent_ += cost_of_cancel;
    cancel_running(*c);
}

void connection::cancel_running(context& c) {
    if (std::exchange(c.cancelled_, true)) return;
    c.expired_ = c.deadline_.passed(clock_.now());
    // Whoever sends items may do so from a coroutine that the signal does not reach.
    if (c.credit_wait_) std::exchange(c.credit_wait_, std::nullopt)->fire();
    if (c.signal_) c.signal_->emit(asio::cancellation_type::terminal);
}

/// Cancels some of the calls whose deadline is over at `then`; true where there may be more.
bool connection::cancel_some(time_point then) {
    const auto late = dispatcher_.running_where(cancels_of_a_turn, [then](const context& c) {
        return !c.cancelled_ && c.deadline_.passed(then);
    });
    // Cancelling one may end others.
    for (auto key : late)
        if (auto* c = dispatcher_.find_running(key)) cancel_running(*c);
    return late.size() == cancels_of_a_turn;
}

/// Some in each turn of the loop: what handlers unwind is not to keep it from everybody else.
void connection::cancel_all_running() {
    if (dispatcher_.running() == 0) return;
    detail::turns::take_at_door(*this, [](connection& c) {
        bool more = true;
        try {
            more = c.cancel_some(time_point::max());
        } catch (...) { // a user's cancellation handler: the others are cancelled all the same
            c.cancel_all_running();
            throw;
        }
        if (more) c.cancel_all_running();
    });
}

void connection::on_credit(const message& m) {
    auto* c = dispatcher_.find_running(m.id);
    if (!c) return;
    c->credit_ = static_cast<std::int32_t>(
        std::min<std::int64_t>(std::int64_t{c->credit_} + m.credit, INT32_MAX));
    if (c->credit_wait_) std::exchange(c->credit_wait_, std::nullopt)->fire();
}

/// An item of a stream that is answered as one array, or by nothing.
awaitable<void> connection::collect_item(context& c, bson::value_view item) {
    if (c.cancelled_ || state_ == state::closed)
        throw rpc_error(errc::cancelled, "the caller is gone");
    // Nobody grants credit for what is not sent, so it counts the items of a turn.
    if ((c.credit_ = (c.credit_ + 1) % unsent_of_a_turn) == 0)
        co_await detail::turns::wait(executor_);
    if (c.oneway_) co_return;
    auto& all = *c.collected_;
    const auto before = all.data.size(), held = all.data.capacity();
    all.add(item, options_.limit.max_message);
    if (all.data.capacity() != held) {
        charge(c, all.data.capacity() - held);
        if (out_of_memory()) throw rpc_error(errc::overloaded, no_memory);
    }
    if (all.data.size() / items_of_a_turn != before / items_of_a_turn)
        co_await detail::turns::wait(executor_);
}

awaitable<void> connection::send_item(context& c, bson::value_view item) {
    for (;;) {
        // A handler that never waits is to end here, not to spin until it is cancelled.
        if (c.cancelled_ || state_ == state::closed)
            throw rpc_error(errc::cancelled, "the caller of the stream is gone");
        auto& obstacle = c.credit_ <= 0 ? c.credit_wait_ : room_;
        if (c.credit_ > 0 && replies_queued_ <= options_.limit.max_queued) break;
        // A handler that was cancelled while it was the only one that waited has cancelled it.
        if (!obstacle || obstacle->fired()) obstacle.emplace();
        auto gone = *obstacle;
        co_await gone.wait();
    }
    // Who reads it gets the rest of a stream; nobody waits for what is never read.
    if (replies_queued_ > small_answer && out_of_memory())
        throw rpc_error(errc::overloaded, no_memory);
    --c.credit_;
    message m;
    m.kind = message_kind::item;
    m.id = c.wire_id_;
    m.body = item;
    const auto before = out_.size();
    if (put(m) != encoded::done)
        throw rpc_error(errc::message_too_large, "an item exceeds the limit of a message, " +
                                                     std::to_string(options_.limit.max_message) +
                                                     " bytes");
    replies_queued_ += out_.size() - before;
    account();
    flush();
    // A handler that always has another item, for a peer that takes them all, leaves the loop to
    // others meanwhile.
    if (out_.size() / items_of_a_turn != before / items_of_a_turn)
        co_await detail::turns::wait(executor_);
}

} // namespace oocrpc
