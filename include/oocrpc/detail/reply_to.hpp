#pragma once

#include <type_traits>

#include <asio/execution/outstanding_work.hpp>
#include <asio/prefer.hpp>

#include <oocrpc/asio.hpp>
#include <oocrpc/call_options.hpp>
#include <oocrpc/detail/call_executor.hpp>
#include <oocrpc/message.hpp>

namespace oocrpc {

class connection;

namespace detail {

/// A call that is about to be made.
struct call_request {
    message call;
    call_options options;
};

/// Starts a call for a completion handler and ties its cancellation to it. What is needed of a
/// request is taken; its owner keeps it until then.
struct initiate_call {
    /// From whatever thread.
    template <class Handler>
    void operator()(Handler handler, std::shared_ptr<connection> c, message call,
                    call_options options) const {
        call_request r{std::move(call), std::move(options)};
        start(std::move(handler), std::move(c), r);
    }
    /// The same. `c` is kept until the call is made.
    template <class Handler>
    static void start(Handler handler, std::shared_ptr<connection> c, call_request& r);
    /// In the thread that runs the connection.
    template <class Handler> static void here(Handler handler, connection& c, call_request& r);

  private:
    static auto canceller(connection& c, std::int64_t id);
    template <class Handler>
    static void elsewhere(Handler handler, std::shared_ptr<connection> c, call_request& r);
};

/// Calls a completion handler of either signature.
template <class Handler> void complete(Handler& handler, message&& m) {
    if constexpr (std::is_invocable_v<Handler&, std::error_code, message>) {
        const auto ec = m.to_error_code();
        std::move(handler)(ec, std::move(m));
    } else {
        std::move(handler)(std::move(m));
    }
}

/// Hands the answer to a completion handler on the handler's executor.
///
/// Where that is the connection's, or one that the calling thread runs, at once: it is always
/// called from the event loop, never from the function that started the call.
template <class Handler> struct reply_to {
    Handler handler;
    bool same_executor; ///< the handler's is the connection's

    void operator()(message&& m) {
        if (same_executor) return complete(handler, std::move(m));
        const auto executor = asio::get_associated_executor(handler);
        if (running_here(executor)) return complete(handler, std::move(m));
        m.own();
        asio::dispatch(executor, [handler = std::move(handler), m = std::move(m)]() mutable {
            complete(handler, std::move(m));
        });
    }
};

/// The executor of a completion handler, or `fallback` where it has none, or one of a kind that
/// only Asio's own functions know: a future is fulfilled from wherever.
template <class Handler>
any_io_executor executor_of(const Handler& handler, const any_io_executor& fallback) {
    using executor = asio::associated_executor_t<Handler, any_io_executor>;
    if constexpr (std::is_convertible_v<executor, any_io_executor>)
        return asio::get_associated_executor(handler, fallback);
    else
        return fallback;
}

/// As reply_to, for a handler without an executor of its own, or with one that the connection's
/// event loop does not serve: keeps the executor, and work for it, while the call is under way.
template <class Handler> struct reply_elsewhere {
    Handler handler;
    any_io_executor executor;

    reply_elsewhere(Handler h, const any_io_executor& fallback)
        : handler(std::move(h)),
          executor(asio::prefer(executor_of(handler, fallback),
                                asio::execution::outstanding_work.tracked)) {}

    void operator()(message&& m) {
        m.own();
        const auto ex = executor;
        asio::dispatch(ex, [self = std::move(*this), m = std::move(m)]() mutable {
            complete(self.handler, std::move(m));
        });
    }
};

// Asked of Asio, since a handler in a wrapper such as as_tuple names no type of its own.
struct no_executor {};
template <class Handler>
concept has_executor =
    !std::is_same_v<asio::associated_executor_t<Handler, no_executor>, no_executor> &&
    std::is_convertible_v<asio::associated_executor_t<Handler, no_executor>, any_io_executor>;

} // namespace detail
} // namespace oocrpc
