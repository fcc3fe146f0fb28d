#include <oocrpc/connection.hpp>

#include <algorithm>

#include <asio/error.hpp>

#include "connection_list.hpp"
#include "give_back.hpp"
#include "runner_pool.hpp"
#include "turns.hpp"

namespace oocrpc {
namespace {

// A connection that nothing happens on holds a read buffer of the least size.
constexpr std::size_t least_read = 256;
constexpr std::size_t most_read = 64 << 10;
// More than this is read at once only by those who have just sent that much, and in turns: the
// system copies it.
constexpr std::size_t large_read = 32 << 10;
// After so many messages of a read, what they were answered leaves: the peer need not wait for the
// rest. A write costs about as much as ten of them.
constexpr std::size_t early_answers = 32;
// Messages of a connection in one turn of the loop, where a kilobyte, read or answered, counts as
// one more. Who has sent more than that waits for another turn, and takes it alone: see turns.
// While some do, who comes gets a share of this number at once, but the least.
constexpr std::size_t turn_messages = 64;
constexpr std::size_t least_turn = 4;
constexpr std::size_t kilobyte = 1024;
// However few they are, those that take longer have had their turn: looked at after so many.
constexpr std::chrono::microseconds turn_time{50};
constexpr std::size_t messages_between_looks = 4;
// What they are answered leaves once it is as much as this: a write for each turn would cost more.
constexpr std::size_t early_bytes = 2048;
// A message up to this size is read however little memory there is.
constexpr std::size_t small_message = 64 << 10;
constexpr auto no_memory = "out of memory"; // short: it takes none

} // namespace

std::shared_ptr<connection> connection::start(std::unique_ptr<byte_stream> stream,
                                              std::unique_ptr<oocrpc::codec> codec,
                                              std::shared_ptr<const handler> serve,
                                              connection_options options) {
    return start(std::move(stream), std::move(codec), std::move(serve),
                 std::make_shared<const connection_options>(std::move(options)));
}

std::shared_ptr<connection> connection::start(std::unique_ptr<byte_stream> stream,
                                              std::unique_ptr<oocrpc::codec> codec,
                                              std::shared_ptr<const handler> serve,
                                              std::shared_ptr<const connection_options> options) {
    std::shared_ptr<connection> c(
        new connection(std::move(stream), std::move(codec), std::move(serve), std::move(options)));
    c->speak();
    c->flush();
    c->watch_beginning();
    c->read();
    return c;
}

connection::connection(std::unique_ptr<byte_stream> stream, std::unique_ptr<oocrpc::codec> codec,
                       std::shared_ptr<const handler> serve,
                       std::shared_ptr<const connection_options> options)
    : executor_(stream->get_executor()),
      stream_(std::move(stream)),
      serve_(std::move(serve)),
      shared_options_(std::move(options)),
      options_(*shared_options_),
      clock_(clock::of(executor_)),
      list_(&detail::connection_list::of(executor_)) {
    info_.address = stream_->peer_address();
    info_.tls = stream_->tls();
    if (info_.tls && options_.user_of) info_.user = options_.user_of(*info_.tls);
    adopt(std::move(codec));
    if (options_.on_behalf_of) info_ = *options_.on_behalf_of;
    list_->add(*this); // unless something above threw
}

connection::~connection() {
    if (runners_) runners_->close();
    set_behind(false);
    if (options_.memory) options_.memory->give_back(accounted_);
    if (list_) {
        list_->remove(*this);
        for (auto* b : {&in_, &out_, &leaving_})
            detail::give_back(executor_, std::move(*b), options_.memory);
        detail::give_back(executor_, std::move(full_), options_.memory);
    }
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
    if (reading_) return;
    reading_ = true;
    // Grows with what has arrived, never to the length that a header claims. Who has sent messages,
    // and more than that read took, has the next in a turn: many small reads keep the loop as well
    // as a large one does. A message that is not there yet is read on.
    if (!read_filled_ || (spent_ == 0 && read_size_ <= large_read)) return read_some(read_size_);
    try {
        in_turn([](connection& c) { c.read_some(c.read_size_); });
    } catch (const std::bad_alloc&) {
        close(rpc_error(errc::overloaded, no_memory));
    }
}

void connection::read_some(std::size_t room) {
    if (state_ == state::closed) return;
    try {
        in_.prepare(room);
    } catch (const std::bad_alloc&) {
        return close(rpc_error(errc::overloaded, no_memory));
    }
    account();
    stream_->read_some({in_.data() + in_.size(), room}, shared_from_this());
}

/// A large message is not read on where memory is scarce; for how long is a matter of its time.
bool connection::starved() const noexcept {
    return needed_ > small_message && needed_ > in_.capacity() && options_.memory &&
           options_.memory->scarce();
}

void connection::adapt(std::size_t size) {
    read_filled_ = size == read_size_;
    if (read_filled_) {
        read_size_ = std::min(2 * read_size_, most_read);
        small_reads_ = 0;
    } else if (read_size_ > large_read) {
        read_size_ = large_read;
        small_reads_ = 0;
    } else if (size * 4 > read_size_) {
        small_reads_ = 0;
    } else if (++small_reads_ >= 16 && read_size_ > least_read) {
        read_size_ /= 2;
        small_reads_ = 0;
    }
}

void connection::on_read(std::error_code ec, std::size_t size) {
    reading_ = false;
    if (state_ == state::closed) return;
    if (ec && options_.accepted) // of those who left, and may be many
        return detail::turns::take_at_door(*this, [ec](connection& c) { c.on_peer_gone(ec); });
    if (ec) return on_peer_gone(ec);
    in_.commit(size);
    adapt(size);
    process();
}

void connection::process() {
    batch_time_ = clock_.now();
    in_batch_ = true;
    try {
        decode_all();
        speak();
        if (!ready_told_ && codec_->ready()) {
            ready_told_ = true;
            if (options_.on_ready) options_.on_ready();
        }
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
    if (!behind_ || out_.size() >= early_bytes) write_out();
    close_if_idle();
    if (state_ == state::closed || state_ == state::flushing) return;
    account();
    if (behind_) return in_turn([](connection& c) { c.process(); });
    if (!read_paused_) in_.consume(std::exchange(taken_, 0));
    if (!read_paused_ && starved()) read_paused_ = paused_for_handlers_ = true;
    if (read_paused_ && paused_for_handlers_) arm(batch_time_ + hang_up_check);
    if (read_paused_) return;
    if (in_.empty() && in_.capacity() > 2 * read_size_) in_.shrink(read_size_);
    read();
}

/// What the codec says by itself, as where it refuses a command, waits with the other answers.
void connection::speak() {
    const auto before = out_.size();
    codec_->speak(out_);
    replies_queued_ += out_.size() - before;
}

/// What cannot be decoded for want of memory ends the connection as what is malformed does.
decoded connection::decode_next(message& m) noexcept {
    try {
        return codec_->decode(bytes(in_).subspan(taken_), m);
    } catch (const std::bad_alloc&) {
        return {decoded::state::malformed, 0, no_memory, errc::overloaded};
    } catch (...) {
        return {decoded::state::malformed, 0, "was not read", errc::internal};
    }
}

void connection::decode_all() {
    needed_ = 0;
    const bool has_turn = behind_ && detail::turns::taken_on(executor_);
    set_behind(false);
    const auto others = list_ && !has_turn ? list_->behind() : 0;
    const auto turn = std::max(turn_messages / (others + 1), least_turn);
    std::size_t messages = 0;
    spent_ = 0;
    while (state_ == state::open || state_ == state::draining) {
        read_paused_ = must_pause();
        if (read_paused_) {
            frame_since_ = time_point::max(); // it is we who keep it waiting
            break;
        }
        if (spent_ >= turn && taken_ < in_.size()) return set_behind(true);
        message m;
        auto d = decode_next(m);
        if (d.what == decoded::state::malformed) return violation(std::move(d.reason), d.code);
        if (d.what == decoded::state::other) {
            adopt(codec_->successor());
            continue;
        }
        if (d.what == decoded::state::incomplete) {
            needed_ = d.size;
            watch_frame(in_.size() - taken_);
            break;
        }
        taken_ += d.size; // also where its receiver throws
        heard_ = true;
        frame_since_ = time_point::max();
        const auto before = out_.size();
        on_message(m);
        spent_ += 1 + (d.size + std::max(out_.size(), before) - before) / kilobyte;
        if (++messages == early_answers) write_out();
        if (messages % messages_between_looks == 0 && clock_.now() > batch_time_ + turn_time)
            spent_ = turn;
    }
}

/// For what a peer sends that would keep the loop from others if it were done at once; see turns.
void connection::in_turn(std::function<void(connection&)> what) {
    using detail::turns;
    if (!list_) return; // nor is there a loop any more
    turns::take(executor_,
                [self = shared_from_this(), what = std::move(what)](turns::now) { what(*self); });
}

void connection::set_behind(bool yes) noexcept {
    if (behind_ == yes || !list_) return;
    behind_ = yes;
    list_->count_behind(yes);
}

bool connection::must_pause() noexcept {
    // A peer without ids answers to nothing but the order of its calls: it is not refused when too
    // many run, or when answers pile up behind a slow one, but read from later.
    // Whose calls are late waits until those have been cancelled, which costs more than to call.
    paused_for_handlers_ =
        ending_late_ || batch_time_ < unread_until_ ||
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
        return on_cancel(m);
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
    if (state_ == state::closed) return;
    const auto self = shared_from_this();
    const auto why = !peer_error_.empty()     ? peer_error_
                     : ec == asio::error::eof ? "the peer closed the connection"
                                              : ec.message();
    // TLS 1.3 tells only after the handshake that our certificate is not taken.
    const bool refused = ec == std::errc::permission_denied;
    if (ec != asio::error::eof)
        return close(rpc_error(refused ? errc::unauthenticated : errc::unavailable, why));
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

} // namespace oocrpc
