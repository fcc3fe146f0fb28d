#include <oocrpc/connection.hpp>

#include <algorithm>

#include <asio/error.hpp>

#include "connection_list.hpp"
#include "runner_pool.hpp"

namespace oocrpc {
namespace {

// A connection that nothing happens on holds a read buffer of the least size.
constexpr std::size_t least_read = 256;
constexpr std::size_t most_read = 256 << 10;
// After so many messages of a read, what they were answered leaves: the peer need not wait for the
// rest. A write costs about as much as ten of them.
constexpr std::size_t early_answers = 32;
// A write buffer that one large message has blown up is given back.
constexpr std::size_t kept_write = 256 << 10;
// How long a peer may take to read the last bytes before the connection closes all the same.
constexpr std::chrono::seconds linger_time{5};
// How often to look for a hang-up while handlers have to finish before more is read.
constexpr std::chrono::milliseconds hang_up_check{50};

} // namespace

std::shared_ptr<connection> connection::start(std::unique_ptr<byte_stream> stream,
                                              std::unique_ptr<oocrpc::codec> codec,
                                              std::shared_ptr<const handler> serve,
                                              connection_options options) {
    std::shared_ptr<connection> c(
        new connection(std::move(stream), std::move(codec), std::move(serve), std::move(options)));
    c->codec_->speak(c->out_);
    c->flush();
    c->read();
    return c;
}

connection::connection(std::unique_ptr<byte_stream> stream, std::unique_ptr<oocrpc::codec> codec,
                       std::shared_ptr<const handler> serve, connection_options options)
    : executor_(stream->get_executor()),
      stream_(std::move(stream)),
      serve_(std::move(serve)),
      options_(std::move(options)),
      clock_(clock::of(executor_)),
      list_(&detail::connection_list::of(executor_)) {
    list_->add(*this);
    info_.address = stream_->peer_address();
    info_.tls = stream_->tls();
    info_.user = options_.user;
    adopt(std::move(codec));
    if (options_.on_behalf_of) info_ = *options_.on_behalf_of;
}

connection::~connection() {
    if (runners_) runners_->close();
    if (list_) list_->remove(*this);
}

void connection::adopt(std::unique_ptr<oocrpc::codec> next) {
    codec_ = std::move(next);
    info_.protocol = codec_->protocol();
    if (codec_->ids() == reply_ids::always) dispatcher_.expect(dispatcher::peer_kind::extended);
    if (codec_->ids() == reply_ids::never) dispatcher_.expect(dispatcher::peer_kind::base);
    if (options_.login_required) log_in(std::move(info_.user));
}

void connection::log_in(std::string user) {
    info_.user = std::move(user);
    if (!options_.login_required) return;
    const auto& limit = options_.limit;
    codec_->take_at_most(info_.user.empty() ? limit.max_message_before_login : SIZE_MAX);
}

// Reading.

void connection::read() {
    // Grow with what has arrived, never to the length that a header claims.
    auto room = read_size_;
    if (needed_ > in_.size()) room = std::max(room, std::min(needed_ - in_.size(), in_.size()));
    in_.prepare(room);
    stream_->read_some({in_.data() + in_.size(), in_.capacity() - in_.size()}, shared_from_this());
}

void connection::adapt(std::size_t size) {
    if (in_.size() == in_.capacity() && read_size_ < most_read) {
        read_size_ *= 2;
        small_reads_ = 0;
    } else if (size * 4 > read_size_) {
        small_reads_ = 0;
    } else if (++small_reads_ >= 16 && read_size_ > least_read) {
        read_size_ /= 2;
        small_reads_ = 0;
    }
}

void connection::on_read(std::error_code ec, std::size_t size) {
    if (state_ == state::closed) return;
    if (ec) return on_peer_gone(ec);
    in_.commit(size);
    heard_ = true;
    adapt(size);
    process();
}

void connection::process() {
    batch_time_ = clock_.now();
    in_batch_ = true;
    try {
        decode_all();
        codec_->speak(out_);
        if (options_.on_ready && codec_->ready()) std::exchange(options_.on_ready, nullptr)();
        put_held();
    } catch (...) {
        // What a user's completion handler throws belongs to whoever runs the loop, as with every
        // operation of Asio's. The other calls of this connection go on all the same.
        in_batch_ = false;
        asio::post(executor_, [self = shared_from_this()] { self->process(); });
        throw;
    }
    in_batch_ = false;
    if (state_ == state::closed) return;
    write_out();
    close_if_idle();
    if (state_ == state::closed || state_ == state::flushing) return;
    if (read_paused_ && paused_for_handlers_) arm(batch_time_ + hang_up_check);
    if (read_paused_) return;
    if (in_.empty() && in_.capacity() > 2 * read_size_) in_.shrink(read_size_);
    read();
}

void connection::decode_all() {
    struct eaten { // also where a message's receiver throws
        byte_buffer& in;
        std::size_t size = 0;
        ~eaten() { in.consume(size); }
    } done{in_};
    needed_ = 0;
    std::size_t messages = 0;
    while (state_ == state::open || state_ == state::draining) {
        read_paused_ = must_pause();
        if (read_paused_) break;
        message m;
        auto d = codec_->decode(bytes(in_).subspan(done.size), m);
        if (d.what == decoded::state::malformed) return violation(std::move(d.reason), d.code);
        if (d.what == decoded::state::other) {
            adopt(codec_->successor());
            continue;
        }
        if (d.what == decoded::state::incomplete) {
            needed_ = d.size;
            break;
        }
        done.size += d.size;
        on_message(m);
        if (++messages == early_answers) write_out();
    }
}

bool connection::must_pause() noexcept {
    // A peer without ids answers to nothing but the order of its calls: it is not refused when too
    // many run, or when answers pile up behind a slow one, but read from later.
    paused_for_handlers_ =
        dispatcher_.stored() > options_.limit.max_queued ||
        (!peer_has_ids_ && dispatcher_.running() >= options_.limit.max_in_flight);
    // Whoever does not read its answers is not read from.
    return paused_for_handlers_ || replies_queued_ > options_.limit.max_queued;
}

void connection::resume_reading() {
    if (!read_paused_ || in_batch_) return;
    asio::post(executor_, [self = shared_from_this()] {
        if (self->read_paused_ && self->state_ != state::flushing) self->process();
    });
}

void connection::on_message(message& m) {
    switch (m.kind) {
    case message_kind::call:
        return on_call(m);
    case message_kind::reply:
    case message_kind::item:
    case message_kind::error:
        return on_reply(m);
    case message_kind::cancel:
        if (auto* c = dispatcher_.find_running(m.id)) cancel_running(*c);
        return;
    case message_kind::credit:
        return on_credit(m);
    case message_kind::ping:
        return put_answer(message::control(message_kind::pong, m.id));
    case message_kind::goaway:
        going_away_ = true;
        if (options_.on_goaway) options_.on_goaway(m.method);
        return;
    case message_kind::pong:
    case message_kind::ignored:
        return;
    }
}

void connection::on_peer_gone(std::error_code ec) {
    const auto self = shared_from_this();
    const auto why = !peer_error_.empty()     ? peer_error_
                     : ec == asio::error::eof ? "the peer closed the connection"
                                              : ec.message();
    if (ec != asio::error::eof) return close(rpc_error(errc::unavailable, why));
    // The peer may have closed its sending half only: what was answered still goes out.
    state_ = state::flushing;
    last_reason_ = std::make_unique<rpc_error>(errc::unavailable, why);
    fail_waiters(*last_reason_);
    cancel_all_running();
    linger();
}

void connection::violation(std::string reason, errc code) {
    const auto self = shared_from_this();
    // A peer that only ever answered us may not know what to do with an error out of turn.
    if (dispatcher_.outgoing() == 0 || dispatcher_.peer() == dispatcher::peer_kind::extended)
        put(message::error(0, code, reason));
    state_ = state::flushing;
    muted_ = true;
    if (code == errc::protocol_error) reason.insert(0, "the peer sent: ");
    last_reason_ = std::make_unique<rpc_error>(code, std::move(reason));
    fail_waiters(*last_reason_);
    cancel_all_running();
    linger();
}

// Writing.

encoded connection::put(const message& m) {
    return codec_->encode(m, out_);
}

/// What does not come from a read leaves with all else that the loop does before it gets to it.
void connection::flush() {
    if (writing_ || in_batch_ || flush_posted_ || out_.empty() || state_ == state::closed) return;
    flush_posted_ = true;
    asio::post(executor_, [self = shared_from_this()] {
        self->flush_posted_ = false;
        self->write_out();
        self->close_if_idle();
    });
}

void connection::write_out() {
    if (writing_ || out_.empty() || state_ == state::closed) return;
    const auto at_once = stream_->try_write(out_);
    if (at_once == out_.size() && held_.empty() && !room_ && !read_paused_) {
        forget_written(out_);
        return;
    }
    writing_ = true;
    std::swap(out_, leaving_);
    if (at_once < leaving_.size())
        return stream_->write(bytes(leaving_).subspan(at_once), shared_from_this());
    // Who waits for room goes on from the loop.
    asio::post(executor_, [self = shared_from_this()] { self->on_written({}); });
}

void connection::forget_written(byte_buffer& b) {
    b.clear();
    if (b.capacity() > kept_write) b = byte_buffer();
    replies_queued_ = std::min(replies_queued_, out_.size());
}

void connection::on_written(std::error_code ec) {
    writing_ = false;
    if (state_ == state::closed) return;
    if (ec) return close(rpc_error(errc::unavailable, ec.message()));
    forget_written(leaving_);
    put_held();
    write_out();
    if (room_ && replies_queued_ <= options_.limit.max_queued)
        std::exchange(room_, std::nullopt)->fire();
    if (read_paused_ && state_ != state::flushing)
        process();
    else
        close_if_idle();
}

// Time and end.

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
