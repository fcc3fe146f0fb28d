#pragma once

#include <memory>

#include <oocrpc/connection.hpp>

namespace oocrpc::detail {

/// Emitted on the coroutine's executor, within a signal: the waiter is told from the loop.
inline auto initiate_call::canceller(connection& c, std::int64_t id) {
    return [weak = c.weak_from_this(), id](asio::cancellation_type) {
        auto alive = weak.lock();
        if (!alive) return;
        const auto executor = alive->executor_;
        asio::post(executor, [alive = std::move(alive), id] {
            alive->abandon(id, message::error(id, errc::cancelled, "the caller gave up"));
        });
    };
}

/// The handler lives in another thread or on no executor: start on the connection's own.
template <class Handler>
void initiate_call::elsewhere(Handler handler, std::shared_ptr<connection> c, call_request& r) {
    r.call.own();
    struct progress {
        std::int64_t id = 0;
        bool cancelled = false;
    };
    auto at = std::make_shared<progress>(); // touched on the connection's executor only
    auto slot = asio::get_associated_cancellation_slot(handler);
    const auto* scope = scope_of(asio::get_associated_executor(handler));
    const auto inherited = scope ? scope->deadline : call_deadline{};
    reply_elsewhere<Handler> waiter(std::move(handler), c->executor_);
    if (slot.is_connected())
        slot.assign([weak = c->weak_from_this(), at](asio::cancellation_type) {
            auto alive = weak.lock();
            if (!alive) return;
            const auto executor = alive->executor_;
            asio::post(executor, [alive = std::move(alive), at] {
                at->cancelled = true;
                alive->abandon(at->id,
                               message::error(at->id, errc::cancelled, "the caller gave up"));
            });
        });
    const auto executor = c->executor_;
    asio::post(executor, [c = std::move(c), r = std::move(r), inherited, at,
                          waiter = std::move(waiter)]() mutable {
        if (at->cancelled) return waiter(message::error(0, errc::cancelled, "the caller gave up"));
        at->id = c->start_call(r.call, r.options, &inherited, std::move(waiter));
    });
}

template <class Handler>
void initiate_call::start(Handler handler, std::shared_ptr<connection> c, call_request& r) {
    if (running_here(c->executor_)) return here(std::move(handler), *c, r);
    elsewhere(std::move(handler), std::move(c), r);
}

template <class Handler> void initiate_call::here(Handler handler, connection& c, call_request& r) {
    if constexpr (has_executor<Handler>) {
        const auto executor = asio::get_associated_executor(handler);
        const auto* scope = scope_of(executor);
        const bool same = scope ? scope->inner == c.executor_ : is_same(executor, c.executor_);
        if (same || running_here(executor)) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            const auto id = c.start_call(r.call, r.options, scope ? &scope->deadline : nullptr,
                                         reply_to<Handler>{std::move(handler), same});
            if (slot.is_connected()) slot.assign(canceller(c, id));
            return;
        }
    }
    elsewhere(std::move(handler), c.shared_from_this(), r);
}

} // namespace oocrpc::detail
