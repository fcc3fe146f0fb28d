// How a connection writes.

#include <algorithm>

#include <oocrpc/connection.hpp>

namespace oocrpc {
namespace {

// A write buffer that one large message has blown up is given back.
constexpr std::size_t kept_write = 256 << 10;
// What a stream is given at once. A peer that takes so much within write_timeout reads.
constexpr std::size_t write_piece = 64 << 10;
// What the system may copy at once of what a peer has asked for.
constexpr std::size_t most_at_once = 128 << 10;

bytes at_most(bytes all, std::size_t n) {
    return all.first(std::min(all.size(), n));
}

} // namespace

encoded connection::put(const message& m) {
    return codec_->encode(m, out_);
}

/// What does not come from a read leaves with all else that the loop does before it gets to it.
void connection::flush() {
    if (writing_ || in_batch_ || flush_posted_ || out_.empty() || state_ == state::closed) return;
    flush_posted_ = true;
    asio::post(executor_, [self = shared_from_this()] {
        self->flush_posted_ = false;
        if (self->options_.accepted) self->batch_time_ = self->clock_.now(); // it is not idle
        self->write_out();
        self->close_if_idle();
    });
}

void connection::write_out() {
    if (writing_ || out_.empty() || state_ == state::closed) return;
    // What we ask leaves as far as it can: who has asked may close right away.
    const auto at_once =
        stream_->try_write(options_.accepted ? at_most(out_, most_at_once) : bytes(out_));
    if (at_once == out_.size() && held_.empty() && !room_ && !read_paused_) {
        forget_written(out_);
        return;
    }
    writing_ = true;
    std::swap(out_, leaving_);
    left_ = at_once;
    if (left_ < leaving_.size()) return write_rest();
    // Who waits for room goes on from the loop.
    asio::post(executor_, [self = shared_from_this()] { self->on_written({}); });
}

/// A piece after the other, so that it shows whether the peer reads.
void connection::write_rest() {
    const auto piece = at_most(bytes(leaving_).subspan(left_), write_piece);
    left_ += piece.size();
    stream_->write(piece, shared_from_this());
    stuck_since_ = clock_.now();
    stuck_at_ = stream_->unsent();
    arm(after(stuck_since_, limit().write_timeout / looks_at_write));
    account();
}

void connection::forget_written(byte_buffer& b) {
    b.clear();
    if (b.capacity() > kept_write) b = byte_buffer();
    replies_queued_ = std::min(replies_queued_, out_.size());
}

void connection::on_written(std::error_code ec) {
    stuck_since_ = time_point::max();
    if (!ec && state_ != state::closed && left_ < leaving_.size()) {
        left_ += stream_->try_write(at_most(bytes(leaving_).subspan(left_), most_at_once));
        if (left_ < leaving_.size()) return write_rest();
    }
    writing_ = false;
    if (state_ == state::closed) return;
    if (ec) return close(rpc_error(errc::unavailable, ec.message()));
    forget_written(leaving_);
    account();
    put_held();
    write_out();
    if (room_ && replies_queued_ <= options_.limit.max_queued)
        std::exchange(room_, std::nullopt)->fire();
    if (read_paused_ && state_ != state::flushing)
        process();
    else
        close_if_idle();
}

} // namespace oocrpc
