// The time of a connection, and its end.

#include <algorithm>

#include <asio/error.hpp>

#include "runner_pool.hpp"

namespace oocrpc {
namespace {

// How long a peer may take to read the last bytes before the connection closes all the same.
constexpr std::chrono::seconds linger_time{5};

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
    if (read_paused_ && paused_for_handlers_ && state_ != state::flushing && stream_->hung_up())
        return on_peer_gone(asio::error::eof);
    for (auto id : dispatcher_.expired(now))
        if (dispatcher_.waiting(id)) {
            auto text = dispatcher_.deadline(id).text();
            abandon(id, message::error(id, errc::deadline_exceeded, std::move(text)));
        }
    std::vector<std::int64_t> late;
    auto next = std::min(dispatcher_.next_deadline(), linger_until_);
    if (state_ == state::draining) {
        if (grace_until_ > now)
            next = std::min(next, grace_until_);
        else
            close_if_idle();
    }
    if (read_paused_ && paused_for_handlers_) next = std::min(next, now + hang_up_check);
    dispatcher_.for_each_running([&](context& c) {
        if (c.cancelled_) return;
        if (c.deadline_.passed(now)) {
            c.expired_ = true;
            late.push_back(c.key_);
        } else {
            next = std::min(next, c.deadline_.at);
        }
    });
    // Cancelling one may end others.
    for (auto key : late)
        if (auto* c = dispatcher_.find_running(key)) cancel_running(*c);
    if (state_ != state::closed && next != time_point::max()) arm(next);
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
        close(rpc_error(errc::unavailable, "the connection was drained"));
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
        self->stream_->close();
        // Who is told may be who called us: tell from the loop.
        asio::post(self->executor_, [self, reason] { self->end(reason); });
    });
}

void connection::end(const rpc_error& reason) {
    fail_waiters(reason);
    cancel_all_running();
    if (runners_) runners_->close();
    sessions_.clear();
    if (room_) std::exchange(room_, std::nullopt)->fire();
    if (options_.on_closed) std::exchange(options_.on_closed, nullptr)(*this, reason);
}

void connection::forget_everybody() noexcept {
    state_ = state::closed;
    // What is destroyed here may look at this connection.
    const auto waiters = std::exchange(dispatcher_, {});
    const auto held = std::exchange(held_, {});
    if (runners_) runners_->close();
    sessions_.clear();
}

} // namespace oocrpc
