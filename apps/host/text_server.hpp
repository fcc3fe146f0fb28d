#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <source_location>
#include <string>

#include <oocrpc/asio.hpp>
#include <oocrpc/url.hpp>

namespace host {

class text_session;

/// Where a text port's coroutine writes; a handle that copies.
class text_writer {
  public:
    explicit text_writer(std::shared_ptr<text_session> to) : to_(std::move(to)) {}
    /// Writes all of `text`, one text at a time; throws where the client is gone, or does not read.
    oocrpc::awaitable<void> write(std::string text) const;

  private:
    std::shared_ptr<text_session> to_;
};

/// Writes a text to one client.
using text_function = std::function<oocrpc::awaitable<void>(text_writer)>;

struct text_options {
    std::size_t max_connections = 10000;           ///< accepting pauses at this number
    std::size_t max_connections_per_address = 256; ///< one more is closed at once
    /// How long a client may take less than 16 KiB of what waits for it; then it is closed. 0: any
    /// time.
    std::chrono::milliseconds write_timeout{30'000};
    /// How long the clients that are served get to the end when it drains.
    std::chrono::milliseconds drain_timeout{10'000};
};

/// Writes a text to whoever connects and closes: for `nc HOST PORT` and `curl --http0.9`.
///
/// What a client sends, such as the request of curl, is read and ignored. The end of what it sends
/// is a hang-up, which cancels its coroutine: it is all that TCP tells of a killed client before
/// something is written to it. So a client that closes only its sending side (`nc -N`) gets what
/// was written at once, and no more. Lives on `executor`.
class text_server {
  public:
    /// Binds at once, by the network of `executor`; throws rpc_error(unavailable) that names the
    /// address.
    text_server(oocrpc::any_io_executor executor, oocrpc::host_port at, text_function serve,
                text_options how = {}, std::source_location made = std::source_location::current());

    /// `text 127.0.0.1:10001`, with the port that was picked where 0 was asked for.
    std::string address() const;
    /// Serves until it is cancelled or drain() is called; then it stops listening, lets the clients
    /// that are served get their text, and returns. Being cancelled while it drains, it cancels
    /// them and throws `cancelled`. Call once; the object need not live that long.
    oocrpc::awaitable<void> run();
    /// Begins the drain; false where run() has not begun.
    bool drain();

  private:
    struct core;
    std::shared_ptr<core> core_;
};

} // namespace host
