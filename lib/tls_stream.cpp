#include "tls_stream.hpp"

#include <algorithm>
#include <array>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include "replayed_stream.hpp"
#include "turns.hpp"

namespace oocrpc::detail {
namespace {

constexpr std::size_t least_read = 512;
// Encrypted at a time where the stream below does not take all: four full records.
constexpr std::size_t most_encrypted = 64 << 10;
// Answers of TLS itself that a peer may leave unread.
constexpr std::size_t most_answers = 4096;
// Buffers that are kept while nothing happens.
constexpr std::size_t kept = 4096;

constexpr std::size_t record_begin = 3;

/// Whether it may be the beginning of a record: an alert or a handshake, and a version, which all
/// begin with a 3. Where it may be something else, none of SSL 3: a native message has no such
/// length, and with a third byte that is not 0 one of MongoDB's would have 64 KiB.
bool begins_record(bytes first, bool expect_plain) {
    const std::array<std::uint8_t, record_begin> least{21, 3, expect_plain};
    const std::array<std::uint8_t, record_begin> most{22, 3, 4};
    for (std::size_t i = 0; i < std::min(first.size(), record_begin); ++i)
        if (first[i] < least[i] || first[i] > most[i]) return false;
    return true;
}

bool is_http(bytes first) {
    constexpr std::array<std::string_view, 7> methods{"GET ",    "HEAD ", "POST ", "PUT ",
                                                      "DELETE ", "OPTIO", "CONNEC"};
    const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
    return std::ranges::any_of(methods, [&](auto m) { return text.starts_with(m); });
}

void give_back(byte_buffer& b) {
    b.clear();
    if (b.capacity() > kept) b = byte_buffer();
}

} // namespace

// The handshake.

promise<void> tls_connection::shake() {
    step();
    return over_;
}

void tls_connection::step() {
    if (closed_) return finish(ending::failed, "the connection was closed");
    const auto what = engine_.handshake();
    flush();
    if (what == tls_engine::outcome::needs_more) return read_below(least_read);
    if (what == tls_engine::outcome::failed) return finish(ending::failed, engine_.reason());
    info_ = std::make_shared<tls_info>(engine_.info());
    finish(ending::done);
}

void tls_connection::finish(ending how, std::string reason) {
    if (ending_ != ending::pending) return;
    ending_ = how;
    reason_ = std::move(reason);
    over_.fire();
}

/// Looks at the first bytes, before OpenSSL does, which would answer them.
bool tls_connection::may_speak_tls() {
    if (begins_record(engine_.in, expect_plain_)) return true;
    if (expect_plain_)
        finish(ending::plain);
    else
        finish(ending::failed, is_http(engine_.in) ? "the peer sent an HTTP request in plain text"
                                                   : "the peer does not speak TLS");
    return false;
}

std::unique_ptr<byte_stream> tls_connection::release_plain() {
    return std::make_unique<replayed_stream>(std::move(engine_.in), std::move(below_));
}

// Reading.

void tls_connection::read_below(std::size_t room) {
    auto& in = engine_.in;
    room = std::max(room, least_read);
    if (in.empty() && in.capacity() > 2 * room) in.shrink(room);
    in.prepare(room);
    below_->read_some({in.data() + in.size(), in.capacity() - in.size()}, shared_from_this());
}

void tls_connection::read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) {
    reader_ = std::move(user);
    into_ = into;
    if (!closed_ && !engine_.has_input()) return read_below(into_.size());
    if (closed_ || engine_.in.empty() || filled_) // whoever filled a read sees to its own turns
        return asio::post(below_->get_executor(), [self = shared_from_this()] { self->read_on(); });
    read_in_turn();
}

/// Reads what is there, and otherwise what comes.
void tls_connection::read_on() {
    if (const auto what = closed_ ? arrival() : take()) return end_read(*what);
    if (engine_.in.empty()) return read_below(into_.size());
    read_in_turn();
}

void tls_connection::read_in_turn() {
    turns::take(below_->get_executor(),
                [self = shared_from_this()](turns::now) { self->read_on(); });
}

void tls_connection::on_read(std::error_code ec, std::size_t size) {
    if (closed_) finish(ending::failed, "the connection was closed");
    const bool shaking = ending_ == ending::pending;
    if (ec && shaking)
        return finish(ending::failed,
                      ec == asio::error::eof ? "the peer closed the connection" : ec.message());
    if (ec == asio::error::eof) ec = tls_errc::truncated;
    if (ec || closed_) return end_read({0, ec});
    engine_.in.commit(size);
    if (!heard_) {
        if (!may_speak_tls()) return;
        if (engine_.in.size() < record_begin) return read_below(least_read);
        heard_ = true;
    }
    if (shaking)
        return turns::take_at_door(below_->get_executor(),
                                   [self = shared_from_this()](turns::now) { self->step(); });
    read_on();
}

/// What there is to tell the reader; nothing yet where more has to come for it.
std::optional<tls_connection::arrival> tls_connection::take() {
    const auto got = engine_.read({static_cast<std::uint8_t*>(into_.data()), into_.size()});
    filled_ = got.size == into_.size();
    flush();
    // Whatever came with it: while something leaves, only answers of TLS gather behind it.
    if (writing_ && engine_.out.size() > most_answers) return arrival{0, tls_errc::flooded};
    if (got.size > 0) return arrival{got.size, {}};
    if (got.what == tls_engine::outcome::needs_more) return std::nullopt;
    if (got.what == tls_engine::outcome::end) return arrival{0, asio::error::eof};
    return arrival{0, engine_.failure()};
}

void tls_connection::end_read(arrival what) {
    if (closed_) what = {0, asio::error::operation_aborted};
    if (const auto user = std::exchange(reader_, nullptr)) user->on_read(what.ec, what.size);
}

// Writing.

/// Whether the stream below takes all that is encrypted at once.
bool tls_connection::drain() noexcept {
    auto& out = engine_.out;
    if (!out.empty()) out.consume(below_->try_write(out));
    if (!out.empty()) return false;
    give_back(out);
    return true;
}

void tls_connection::send() {
    std::swap(engine_.out, leaving_);
    writing_ = true;
    below_->write(leaving_, shared_from_this());
}

void tls_connection::flush() {
    if (!writing_ && !drain()) send();
}

/// What the stream below does not take stays here, and is not counted as written: who closes a
/// stream once all is written loses nothing.
std::size_t tls_connection::try_write(bytes from) noexcept {
    if (closed_ || ended_ || writing_ || !drain()) return 0;
    auto done = skip_ahead(from);
    while (done < from.size()) {
        const auto piece = from.subspan(done, std::min(from.size() - done, most_encrypted));
        if (!engine_.write(piece)) break; // write() tells
        if (!drain()) {
            ahead_ = piece.size();
            break;
        }
        done += piece.size();
    }
    return done;
}

/// How much of what is to be written has been encrypted before.
std::size_t tls_connection::skip_ahead(bytes from) noexcept {
    const auto n = std::min(ahead_, from.size());
    ahead_ -= n;
    return n;
}

void tls_connection::write(bytes from, std::shared_ptr<stream_user> user) {
    writer_ = std::move(user);
    rest_ = from.subspan(skip_ahead(from));
    if (writing_ || (!closed_ && !ended_ && advance())) return;
    const auto ec = ended_ ? asio::error::broken_pipe : std::error_code();
    asio::post(below_->get_executor(), [self = shared_from_this(), ec] { self->end_write(ec); });
}

/// Whether something more is on its way.
bool tls_connection::advance() {
    if (engine_.out.empty() && !rest_.empty()) {
        const auto piece = rest_.first(std::min(rest_.size(), most_encrypted));
        rest_ = engine_.write(piece) ? rest_.subspan(piece.size()) : bytes();
    }
    if (engine_.out.empty()) return false;
    send();
    return true;
}

void tls_connection::on_written(std::error_code ec) {
    writing_ = false;
    give_back(leaving_);
    if (!ec && !closed_ && advance()) return;
    if (!ec && !closed_ && ended_) below_->shutdown_send();
    end_write(ec);
}

void tls_connection::end_write(std::error_code ec) {
    if (!ec && engine_.failed()) ec = engine_.failure();
    if (closed_) ec = asio::error::operation_aborted;
    rest_ = {};
    if (const auto user = std::exchange(writer_, nullptr)) user->on_written(ec);
}

// The end.

void tls_connection::shutdown_send() noexcept {
    if (closed_ || std::exchange(ended_, true)) return;
    engine_.end();
    if (writing_) return;
    if (drain())
        below_->shutdown_send();
    else
        send();
}

void tls_connection::close() noexcept {
    if (std::exchange(closed_, true) || !below_) return;
    // What does not fit into the stream below now is lost, as nobody waits for it.
    const bool can_end = ending_ == ending::done && !ended_ && !engine_.failed();
    if (!writing_ && drain() && can_end) engine_.end();
    if (!writing_ && !drain()) send();
    below_->close();
}

} // namespace oocrpc::detail
