#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/stream.hpp>
#include <oocrpc/task_group.hpp>

namespace oocrpc::testing {

/// The bytes of a frame of the native protocol: the length, then `body` as BSON.
std::string frame_of(const json& body);
/// The same, of JSON text.
std::string frame(std::string_view text);

// The steps of a script. Bodies are JSON. In what is expected, "$_" fits anything and "$x" fits
// anything the first time, which it is then, also in what is sent: so an id that was received can
// be sent back. `timeout_ms` is compared only where the script has it. Keys must be in order.

/// The next frame is this one.
struct expect {
    std::string body;
};
/// The other end closes, or ends its sending half, before it sends another frame.
struct expect_close {};
struct sends {
    std::string body;
};
struct send_bytes {
    std::string data;
};
/// Only the first half of a frame.
struct send_half {
    std::string body;
};
/// A frame of which each byte is read on its own.
struct send_bytewise {
    std::string body;
};
/// Waits, on the clock of the loop.
struct pass_time {
    std::chrono::milliseconds span;
};
/// Ends the sending half: the other end reads the end of the stream.
struct half_close {};
struct close_stream {};
using step = std::variant<expect, expect_close, sends, send_bytes, send_half, send_bytewise,
                          pass_time, half_close, close_stream>;
using script = std::vector<step>;

/// Bytes in and out of a stream for a coroutine. A read or write that is given up goes on: the next
/// read gets what it would have got.
class byte_peer {
  public:
    explicit byte_peer(std::unique_ptr<byte_stream> s) : stream_(std::move(s)) {}

    /// What arrives next; empty at the end, or where the connection is lost.
    awaitable<std::string> read();
    /// False where the other end is gone.
    awaitable<bool> write(std::string data);
    /// Why the last read or write was in vain, such as asio::error::eof.
    std::error_code error() const noexcept { return error_; }
    byte_stream& stream() const noexcept { return *stream_; }

  private:
    struct operation;
    std::unique_ptr<byte_stream> stream_;
    std::shared_ptr<operation> reading_;
    std::error_code error_;
};

/// One end of a connection that follows a script in the native protocol: what it expects and what
/// it sends. It is what connect_stream() or a listener returned, one end of a pair in memory.
class scripted_peer {
  public:
    explicit scripted_peer(std::unique_ptr<byte_stream> s) : bytes_(std::move(s)) {}

    /// Throws std::runtime_error, which says what came instead, where an expectation is not met,
    /// and where something is to be sent although the other end is gone.
    awaitable<void> play(script steps);
    /// The next frame as JSON, null at the end of the stream.
    awaitable<json> next_frame();
    /// The value that "$x" has stood for.
    const json& bound(const std::string& name) const { return bound_.at(name); }

  private:
    awaitable<void> take(expect s);
    awaitable<void> take(expect_close s);
    awaitable<void> take(sends s);
    awaitable<void> take(send_bytes s);
    awaitable<void> take(send_half s);
    awaitable<void> take(send_bytewise s);
    awaitable<void> take(pass_time s);
    awaitable<void> take(half_close s);
    awaitable<void> take(close_stream s);
    /// `what` is for people.
    awaitable<void> send(std::string data, std::string what);

    std::string filled_frame(const std::string& body) const;
    bool fits(const json& wanted, json got);
    bool fits_items(const json& wanted, const json& got);
    json fill(json body) const;

    byte_peer bytes_;
    std::string buffer_;
    std::map<std::string, json> bound_;
};

/// A server that follows scripts: the first connection plays the first of them, and so on, each
/// from when it comes, beside the others. It listens for no more connections than it has scripts.
class scripted_server {
  public:
    /// Listens at once; throws as listener::open(). Destroying it ends the scripts; what went wrong
    /// in them by then, and done() did not tell, goes to on_unhandled().
    scripted_server(any_io_executor executor, std::string_view at, std::vector<script> scripts,
                    std::source_location made = std::source_location::current());
    scripted_server(scripted_server&&) = default;

    /// Where it listens, with the port that was picked where 0 was asked for.
    std::string url() const { return at_; }
    /// Waits until all scripts are over; throws what went wrong in the first that failed, which
    /// ends the others.
    awaitable<void> done() { return tasks_->join(); }

  private:
    static awaitable<void> serve(std::unique_ptr<listener> from, std::vector<script> scripts,
                                 std::weak_ptr<task_group> tasks, std::source_location made);

    std::string at_;
    std::shared_ptr<task_group> tasks_;
};

} // namespace oocrpc::testing
