// The time of a connection, and its end.

#include <algorithm>

#include <asio/error.hpp>

#include "give_back.hpp"
#include "runner_pool.hpp"
#include "turns.hpp"

namespace oocrpc {
namespace {

// How long a peer may take to read the last bytes before the connection closes all the same.
constexpr std::chrono::seconds linger_time{5};

std::string text_of(std::chrono::milliseconds span) {
    return std::to_string(span.count()) + " ms";
}

} // namespace

void connection::arm(time_point at) {
    if (at >= armed_at_ || state_ == state::closed) return;
    armed_at_ = at;
    if (!timer_) timer_.emplace(executor_);
    timer_->arm(at, [this] { on_timer(); });
}

void connection::on_timer() {
    const auto self = shared_from_this();
    const auto now = clock_.now();
    armed_at_ = time_point::max();
    if (linger_until_ <= now) return close(rpc_error(errc::unavailable, "the peer does not read"));
    if (is_write_stuck(now))
        return close(rpc_error(errc::unavailable,
                               "the peer has read nothing for " + text_of(limit().write_timeout)));
    if (is_frame_late(now))
        violation(std::to_string(in_.size() - frame_had_) + " bytes of a message within " +
                  text_of(frame_span()));
    if (state_ == state::draining && !in_grace()) close_if_idle();
    end_late_calls(now);
    send_late_cancels(now);
    end_where_idle(now);
    if (read_paused_ && paused_for_handlers_ && state_ != state::flushing) {
        if (stream_->hung_up()) return on_peer_gone(asio::error::eof);
        if (!starved()) process(); // which finds out whether it goes on
    }
    if (state_ != state::closed) arm(next_look(now));
}

void connection::end_late_calls(time_point now) {
    for (auto id : dispatcher_.expired(now))
        if (dispatcher_.waiting(id)) {
            auto text = dispatcher_.deadline(id).text();
            abandon(id, message::error(id, errc::deadline_exceeded, std::move(text)));
        }
    end_late_handlers();
}

/// Not all at once, as with cancel_all_running().
void connection::end_late_handlers() {
    const auto late = [now = clock_.now()](const context& c) {
        return !c.cancelled_ && c.deadline_.passed(now);
    };
    if (ending_late_ || dispatcher_.running_where(1, late).empty()) return;
    ending_late_ = true;
    detail::turns::take_at_door(*this, [](connection& c) {
        c.ending_late_ = false;
        if (c.state_ == state::closed) return;
        const auto now = c.clock_.now();
        bool more = true;
        try {
            more = c.cancel_some(now);
        } catch (...) { // as in cancel_all_running()
            c.end_late_handlers();
            throw;
        }
        if (more) c.end_late_handlers();
        if (c.ending_late_) return;
        c.arm(c.next_look(now));
        c.resume_reading();
    });
}

/// When something is due that the timer has to see to.
time_point connection::next_look(time_point now) const {
    auto next = std::min(dispatcher_.next_deadline(), linger_until_);
    if (state_ == state::draining && grace_until_ > now) next = std::min(next, grace_until_);
    if (read_paused_ && paused_for_handlers_) next = std::min(next, now + hang_up_check);
    if (!late_cancels_.empty()) next = std::min(next, own_cancels_.end());
    if (state_ == state::flushing) return next;
    dispatcher_.for_each_running([&](const context& c) {
        if (!c.cancelled_ && !ending_late_) next = std::min(next, c.deadline_.at);
    });
    next = std::min(next, after(frame_since_, frame_span()));
    if (stuck_since_ != time_point::max())
        next = std::min(next, std::min(after(stuck_since_, limit().write_timeout),
                                       after(now, limit().write_timeout / looks_at_write)));
    if (options_.accepted && state_ == state::open)
        next = std::min(next, after(batch_time_, limit().idle_timeout));
    return next;
}

// What a peer may take its time for. Nothing is armed for a message that is whole or a write that
// is done at once: the timer finds at its time what has become of what it was armed for.

time_point connection::after(time_point since, std::chrono::milliseconds span) noexcept {
    if (span.count() <= 0 || since > time_point::max() - span) return time_point::max();
    return since + span;
}

void connection::watch_beginning() {
    batch_time_ = clock_.now();
    if (!options_.accepted) return;
    if (limit().first_frame_timeout.count() > 0) frame_since_ = batch_time_;
    arm(next_look(batch_time_));
}

/// `left` bytes are here of a message that is not whole.
void connection::watch_frame(std::size_t left) {
    if (left == 0 || frame_since_ != time_point::max()) return;
    frame_since_ = batch_time_;
    frame_had_ = left;
    arm(after(frame_since_, frame_span()));
}

std::chrono::milliseconds connection::frame_span() const noexcept {
    const auto first = limit().first_frame_timeout;
    return options_.accepted && !heard_ && first.count() > 0 ? first : limit().frame_timeout;
}

/// Large messages of slow peers get as much time again as long as they come on.
bool connection::is_frame_late(time_point now) {
    const auto span = frame_span();
    if (state_ == state::flushing || now < after(frame_since_, span)) return false;
    const auto enough = limit().frame_rate * static_cast<std::size_t>(span.count()) / 1000;
    if (in_.size() - frame_had_ < std::max<std::size_t>(enough, 1)) return true;
    frame_since_ = now;
    frame_had_ = in_.size();
    return false;
}

bool connection::is_write_stuck(time_point now) noexcept {
    if (stuck_since_ == time_point::max()) return false;
    const auto at = stream_->unsent();
    if (at == stuck_at_) return now >= after(stuck_since_, limit().write_timeout);
    stuck_since_ = now;
    stuck_at_ = at;
    return false;
}

bool connection::in_use() const noexcept {
    return dispatcher_.running() > 0 || dispatcher_.waiting() > 0 || expected_ > 0 || writing_;
}

/// A client of ours is told to go elsewhere first, so that no call of its is lost.
void connection::end_where_idle(time_point now) {
    if (!options_.accepted || state_ != state::open) return;
    if (in_use()) batch_time_ = now;
    if (now < after(batch_time_, limit().idle_timeout)) return;
    last_reason_ = std::make_unique<rpc_error>(
        errc::unavailable, "nothing was said for " + text_of(limit().idle_timeout));
    drain();
}

/// Memory is taken and given back as buffers change, which they do not with each message.
void connection::account() noexcept {
    if (!options_.memory) return;
    const auto held = in_.capacity() + out_.capacity() + full_bytes_ + leaving_.capacity() +
                      call_bytes_ + held_bytes_ + dispatcher_.stored() +
                      (stream_ ? stream_->buffered() : 0);
    // All threads share the budget: less than that is told when more has changed.
    if (held && accounted_ &&
        std::max(held, accounted_) - std::min(held, accounted_) < accounting_step)
        return;
    if (held > accounted_) options_.memory->take(held - accounted_);
    if (held < accounted_) options_.memory->give_back(accounted_ - held);
    accounted_ = held;
}

void connection::linger() {
    linger_until_ = clock_.now() + linger_time;
    arm(linger_until_);
    flush();
    close_if_idle();
}

void connection::close_if_idle() {
    if (writing_ || in_batch_ || !out_.empty()) return;
    if (dispatcher_.running() > 0 && !muted_) return;
    if (state_ == state::flushing) return close(*last_reason_);
    if (dispatcher_.waiting() > 0 || !held_.empty() || expected_ > 0) return;
    if ((state_ == state::draining && !in_grace()) || going_away_)
        close(last_reason_ ? *last_reason_
                           : rpc_error(errc::unavailable, "the connection was drained"));
}

void connection::drain() {
    asio::dispatch(executor_, [self = shared_from_this()] {
        if (self->state_ != state::open) return;
        self->state_ = state::draining;
        self->say_goaway();
        // Who cannot be told would only send more.
        if (self->said_goaway_ || !self->heard_) {
            self->grace_until_ = self->clock_.now() + self->options_.limit.drain_grace;
            self->arm(self->grace_until_);
        }
        self->flush();
        self->close_if_idle();
    });
}

bool connection::knows_goaway() const noexcept {
    return peer_has_ids_ || dispatcher_.peer() == dispatcher::peer_kind::extended;
}

/// Tells a peer that knows it to go elsewhere, once, where the protocol can.
void connection::say_goaway() {
    if (said_goaway_ || !knows_goaway()) return;
    auto goaway = message::control(message_kind::goaway, 0);
    goaway.method = "draining";
    said_goaway_ = put(goaway) == encoded::done;
}

std::vector<suspended_call> connection::suspended() const {
    std::vector<suspended_call> all;
    dispatcher_.for_each_running([&](const context& c) {
        all.push_back({suspended_call::direction::served, c.method(), info_.address, c.begun_});
    });
    dispatcher_.for_each_waiting([&](const std::string& method, time_point since) {
        all.push_back({suspended_call::direction::made, method, info_.address, since});
    });
    return all;
}

void connection::close(rpc_error reason) {
    asio::dispatch(executor_, [self = shared_from_this(), reason = std::move(reason)] {
        if (self->state_ == state::closed) return;
        self->write_out(); // what was sent before, as far as the stream takes it
        self->state_ = state::closed;
        if (!self->last_reason_) self->last_reason_ = std::make_unique<rpc_error>(reason);
        if (self->timer_) self->timer_->disarm();
        if (!self->list_) return self->stream_->close();
        // Later, as who is told may be who called us, and sockets and calls are much to give back.
        const auto then = [reason](connection& c) {
            c.stream_->close();
            c.end(reason);
        };
        try {
            detail::turns::take_at_door(*self, then);
        } catch (const std::bad_alloc&) {
            then(*self);
        }
    });
}

void connection::end(const rpc_error& reason) {
    fail_waiters(reason);
    // The calls that are cancelled keep the connection, but not the answers that nobody reads.
    auto next = std::exchange(out_, {});
    auto before = std::exchange(full_, {});
    full_bytes_ = 0;
    account();
    detail::give_back(executor_, std::move(next), options_.memory);
    detail::give_back(executor_, std::move(before), options_.memory);
    cancel_all_running();
    if (runners_) runners_->close();
    sessions_.clear();
    if (room_) std::exchange(room_, std::nullopt)->fire();
    if (options_.on_closed) options_.on_closed(*this, reason);
}

void connection::forget_everybody() noexcept {
    state_ = state::closed;
    // What is destroyed here may look at this connection. A stream of TLS keeps whom it reads for.
    const auto stream = std::exchange(stream_, nullptr);
    const auto waiters = std::exchange(dispatcher_, {});
    const auto held = std::exchange(held_, {});
    if (runners_) runners_->close();
    sessions_.clear();
}

} // namespace oocrpc
