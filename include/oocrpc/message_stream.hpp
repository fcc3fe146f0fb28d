#pragma once

#include <deque>
#include <memory>
#include <optional>

#include <oocrpc/asio.hpp>
#include <oocrpc/dispatcher.hpp>
#include <oocrpc/promise.hpp>

namespace oocrpc {

class connection;

/// The answer to a call that takes a stream, message by message.
///
/// At most `window` items are here or on their way; taking them grants the callee more, unless
/// that is on request only. Used on the connection's executor. Whoever has enough calls cancel(),
/// which stops the callee.
class message_stream final : public reply_receiver {
  public:
    message_stream(std::weak_ptr<connection> c, std::int32_t window)
        : connection_(std::move(c)),
          window_(window),
          credit_(window) {}

    /// From now on taking items grants nothing: request() does. Before the first item is taken.
    void grant_on_request() noexcept { window_ = 0; }
    /// Grants the callee `n` items more.
    void request(std::int32_t n);
    /// True where next() has something to return at once.
    bool available() const noexcept { return !items_.empty() || end_; }
    /// True where the next of next() is the end.
    bool ended() const noexcept { return items_.empty() && end_; }

    /// Waits until it is available(). Cancelled as next() is.
    awaitable<void> arrival();
    /// What next() returns; only where it is available().
    message take();
    /// The next `item`, or the `reply` or `error` that ended the stream, then always that one.
    /// Cancelling the awaiting coroutine throws `cancelled` and leaves the stream open.
    awaitable<message> next();
    /// Tells the callee to stop and ends the stream with `cancelled`; does nothing after its end.
    void cancel();

  private:
    friend class connection;
    void on_reply(message m) override;
    void grant();

    std::weak_ptr<connection> connection_;
    std::int64_t id_ = 0;
    std::int32_t window_;
    std::int32_t credit_; // items that the callee may still send
    std::int32_t taken_ = 0;
    std::deque<message> items_;
    std::optional<message> end_;
    std::optional<promise<void>> wait_;
};

} // namespace oocrpc
