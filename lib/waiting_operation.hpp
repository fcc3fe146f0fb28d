#pragma once

#include <utility>

#include <asio/steady_timer.hpp>

#include <oocrpc/asio.hpp>

namespace oocrpc {

/// An operation that waits for the other end. A timer that never expires holds it, so that it is
/// work of the loop as on a socket, and is destroyed with the loop.
class waiting_operation {
  public:
    explicit waiting_operation(const any_io_executor& executor)
        : timer_(executor, asio::steady_timer::time_point::max()) {}
    template <class F> void start(F f) {
        timer_.async_wait([f = std::move(f)](std::error_code) mutable { f(); });
    }
    /// Completes it from the loop; nothing where none waits.
    void complete() { timer_.cancel(); }

  private:
    asio::steady_timer timer_;
};

} // namespace oocrpc
