#pragma once

#include <memory>

#include <oocrpc/connection.hpp>

namespace oocrpc::detail {

/// Emitted on the coroutine's executor, within a signal: the waiter is told from the loop.
inline auto initiate_call::canceller(const std::shared_ptr<connection>& c, std::int64_t id) {
    return [weak = std::weak_ptr(c), id](asio::cancellation_type) {
        auto alive = weak.lock();
        if (!alive) return;
        const auto executor = alive->executor_;
        asio::post(executor, [alive = std::move(alive), id] {
            alive->abandon(id, message::error(id, errc::cancelled, "the caller gave up"));
        });
    };
}

/// The handler lives in another thread or on no executor: start on the connection's own.
template <class Handler, class Slot>
void initiate_call::elsewhere(Handler handler, std::shared_ptr<connection> c, message call,
                              call_options options, call_deadline inherited, Slot slot) {
    call.own();
    struct progress {
        std::int64_t id = 0;
        bool cancelled = false;
    };
    auto at = std::make_shared<progress>(); // touched on the connection's executor only
    reply_elsewhere<Handler> waiter(std::move(handler), c->executor_);
    if (slot.is_connected())
        slot.assign([weak = std::weak_ptr(c), at](asio::cancellation_type) {
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
    asio::post(executor, [c = std::move(c), call = std::move(call), options = std::move(options),
                          inherited, at, waiter = std::move(waiter)]() mutable {
        if (at->cancelled) return waiter(message::error(0, errc::cancelled, "the caller gave up"));
        at->id = c->start_call(call, options, &inherited, std::move(waiter));
    });
}

template <class Handler>
void initiate_call::operator()(Handler handler, std::shared_ptr<connection> c, message call,
                               call_options options) const {
    const auto* scope = scope_of(asio::get_associated_executor(handler));
    const auto* inherited = scope ? &scope->deadline : nullptr;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if constexpr (has_executor<Handler>) {
        if (running_here(c->executor_) && running_here(asio::get_associated_executor(handler))) {
            const auto id =
                c->start_call(call, options, inherited, reply_to<Handler>{std::move(handler)});
            if (slot.is_connected()) slot.assign(canceller(c, id));
            return;
        }
    }
    elsewhere(std::move(handler), std::move(c), std::move(call), std::move(options),
              inherited ? *inherited : call_deadline{}, slot);
}

} // namespace oocrpc::detail
