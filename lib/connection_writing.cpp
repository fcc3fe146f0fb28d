// How a connection writes.

#include <algorithm>

#include <oocrpc/connection.hpp>

#include "give_back.hpp"

namespace oocrpc {
namespace {

// A write buffer that has as much as this is full, since a large one takes long to move and to
// unmap, and one that a large message has blown up is given back.
constexpr std::size_t full_at = 256 << 10;
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
    if (in_batch_ || flush_posted_ || out_.empty() || state_ == state::closed) return;
    if (writing_) return set_aside();
    flush_posted_ = true;
    asio::post(executor_, [self = shared_from_this()] {
        self->flush_posted_ = false;
        if (self->options_.accepted) self->batch_time_ = self->clock_.now(); // it is not idle
        self->write_out();
        self->close_if_idle();
    });
}

void connection::write_out() {
    if (out_.empty() || state_ == state::closed) return;
    if (writing_) return set_aside();
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
    if (b.capacity() > full_at) b = byte_buffer(); // at once: others follow as fast
    replies_queued_ = std::min(replies_queued_, unsent());
}

/// What waits for a peer that does not read is many buffers, and not a large one; unless there is
/// no memory to begin another.
void connection::set_aside() {
    if (out_.size() < full_at) return;
    try {
        out_.shrink(out_.size());
        full_.push_back({});
    } catch (const std::bad_alloc&) {
        return;
    }
    full_bytes_ += out_.size();
    full_[full_.size() - 1] = std::move(out_);
}

void connection::on_written(std::error_code ec) {
    stuck_since_ = time_point::max();
    if (!ec && state_ != state::closed && left_ < leaving_.size()) {
        left_ += stream_->try_write(at_most(bytes(leaving_).subspan(left_), most_at_once));
        if (left_ < leaving_.size()) return write_rest();
    }
    if (ec || state_ == state::closed) {
        // Still writing, as what would come next would follow on half a message.
        auto lost = std::exchange(leaving_, {});
        account();
        detail::give_back(executor_, std::move(lost), options_.memory);
        return close(rpc_error(errc::unavailable, ec.message()));
    }
    writing_ = false;
    forget_written(leaving_);
    if (!full_.empty()) {
        leaving_ = std::move(full_.front());
        full_.pop_front();
        full_bytes_ -= leaving_.size();
        left_ = 0;
        writing_ = true;
        write_rest();
    }
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
