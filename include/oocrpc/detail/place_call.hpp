#pragma once

#include <exception>
#include <memory>
#include <utility>

#include <oocrpc/connection.hpp>

namespace oocrpc {

/// Where calls are placed: a pool of connections, or one connection.
class call_target {
  public:
    virtual ~call_target() = default;
    /// A connection of the calling thread that can take a call now, or null. It is there at least
    /// until that call is made.
    virtual connection* ready() = 0;
    /// Waits for one; throws `unavailable`, `deadline_exceeded`, `cancelled`. The time that it
    /// takes counts: it replaces `when` by the deadline that the whole call has.
    virtual awaitable<std::shared_ptr<connection>> acquire(deadline& when) = 0;
    virtual any_io_executor get_executor() const = 0;
};

namespace detail {

/// What a call that had to wait for its connection goes on with.
struct acquired {
    std::shared_ptr<connection> on;
    deadline when;
};
awaitable<acquired> acquire(std::shared_ptr<call_target> from, deadline when);
/// What was thrown as the answer to a call.
message to_error(const std::exception_ptr& thrown);

/// Makes a call on a target: at once where a connection is ready, else when there is one.
struct place_call {
    template <class Handler>
    void operator()(Handler handler, std::shared_ptr<call_target> target, message call,
                    call_options options) const {
        call_request r{std::move(call), std::move(options)};
        start(std::move(handler), target, r);
    }
    /// Takes what it needs of `r`.
    template <class Handler>
    static void start(Handler handler, const std::shared_ptr<call_target>& target,
                      call_request& r) {
        if (auto* c = target->ready()) return initiate_call::here(std::move(handler), *c, r);
        later(std::move(handler), target, r);
    }

  private:
    template <class Handler>
    static void later(Handler handler, const std::shared_ptr<call_target>& target,
                      call_request& r) {
        r.call.own();
        // Waits where the handler runs, so that its cancellation slot may be emitted there.
        const auto executor = executor_of(handler, target->get_executor());
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto waiting = acquire(target, r.options.when);
        auto go_on = [handler = std::move(handler), r = std::move(r)](std::exception_ptr e,
                                                                      acquired found) mutable {
            if (e) return complete(handler, to_error(e));
            r.options.when = found.when;
            initiate_call::start(std::move(handler), std::move(found.on), r);
        };
        asio::co_spawn(
            executor, std::move(waiting),
            asio::bind_cancellation_slot(slot, asio::bind_executor(executor, std::move(go_on))));
    }
};

} // namespace detail
} // namespace oocrpc
