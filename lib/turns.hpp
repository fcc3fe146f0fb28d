#pragma once

#include <deque>
#include <mutex>

#include <oocrpc/asio.hpp>
#include <oocrpc/detail/unique_function.hpp>

namespace oocrpc::detail {

/// Turns of the loop for what would keep it from others if all of it were done at once: messages
/// beyond a connection's share, large reads, handshakes, the end of connections.
///
/// Each turn is for one of those that wait, first come, first served, and in between the loop looks
/// what else has come: so that everybody else waits no longer the more of them there are. One for
/// each execution context, made on first use and owned by it. Thread-safe. What has not had its
/// turn when the context is destroyed is destroyed with it.
class turns : public asio::execution_context::service {
  public:
    using key_type = turns;
    inline static asio::execution_context::id id;

    struct now {};
    using work = unique_function<now>;

    explicit turns(asio::execution_context& context) : asio::execution_context::service(context) {}

    /// Does `what` on `executor`, in a later turn of its loop. Strands, of which several run at the
    /// same time, take no turns: there it is posted.
    static void take(const any_io_executor& executor, work what);
    /// Goes on in a later turn, on `executor`. Cancelling has no effect.
    static auto wait(const any_io_executor& executor) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
            [executor](auto handler) {
                take(executor, [h = std::move(handler)](now) mutable { std::move(h)(); });
            },
            use_awaitable);
    }

  private:
    struct turn {
        any_io_executor executor;
        work what;
    };

    void shutdown() override;
    void add(const any_io_executor& executor, work what);
    void post_next();

    std::mutex mutex_;
    std::deque<turn> waiting_;
    bool posted_ = false; // for the first of them
};

} // namespace oocrpc::detail
