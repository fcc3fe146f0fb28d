#pragma once

#include <memory>
#include <string>
#include <utility>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/detail/typed_call.hpp>
#include <oocrpc/method.hpp>
#include <oocrpc/streaming.hpp>
#include <oocrpc/value.hpp>

namespace oocrpc {

/// The calls of a client and of a peer, typed, dynamic and raw.
///
/// All throw rpc_error: what the callee answered, or `cancelled`, `deadline_exceeded`,
/// `unavailable`, `overloaded`. Cancelling the awaiting coroutine cancels the call over there.
/// A call without a deadline inherits that of the call whose handler makes it, else it gets the
/// default (10 s).
class caller {
  public:
    /// `int n = co_await db.call(add, 2, 3);`
    template <class R, class... A>
        requires(!detail::is_stream<R>)
    awaitable<R> call(const method<R(A...)>& m, std::type_identity_t<A>... arguments) const {
        return call_typed<R>(m.name(), {}, std::move(arguments)...);
    }
    template <class R, class... A>
        requires(!detail::is_stream<R>)
    awaitable<R> call(method_with<R(A...)> m, std::type_identity_t<A>... arguments) const {
        return call_typed<R>(m.which.name(), std::move(m.options), std::move(arguments)...);
    }
    /// By name: an array is positional arguments, an object named ones, null none.
    awaitable<json> call(std::string name, json arguments = nullptr,
                         call_options options = {}) const {
        return call_dynamic(target_, std::move(name), std::move(arguments), std::move(options));
    }

    /// Sends `document`, its keys in their order, as a command of `database` to a server that has
    /// such, and returns the whole reply document; `{find: ...}` with all its options, for one.
    awaitable<json> command(std::string database, json document, call_options options = {}) const {
        return command_on(target_, std::move(database), std::move(document), std::move(options));
    }

    /// `auto items = co_await db.open(count, 10); while (auto i = co_await items.next()) ...`
    template <class T, class... A>
    awaitable<stream<T>> open(const method<stream<T>(A...)>& m,
                              std::type_identity_t<A>... arguments) const {
        return open_typed<T, A...>(target_, m.name(), {}, std::move(arguments)...);
    }
    template <class T, class... A>
    awaitable<stream<T>> open(method_with<stream<T>(A...)> m,
                              std::type_identity_t<A>... arguments) const {
        return open_typed<T, A...>(target_, m.which.name(), std::move(m.options),
                                   std::move(arguments)...);
    }

    /// Sends a call that is never answered; returns once it is on its way.
    template <class R, class... A>
    awaitable<void> notify(const method<R(A...)>& m, std::type_identity_t<A>... arguments) const {
        return notify_typed<A...>(target_, m.name(), std::move(arguments)...);
    }

    /// The same by name, with arguments as call() takes them; `database.$cmd` is a command() that
    /// is not acknowledged.
    awaitable<void> notify(std::string name, json arguments = nullptr) const {
        return notify_dynamic(target_, std::move(name), std::move(arguments));
    }

    /// Makes `call` as it is and returns the `reply` or the `error`, of whatever kind.
    awaitable<message> exchange(message call, call_options options = {}) const {
        return exchange_on(target_, std::move(call), std::move(options));
    }
    /// Makes `call` as one that takes a stream. The stream is used on the target's executor.
    awaitable<std::shared_ptr<message_stream>> open(message call, call_options options = {},
                                                    std::int32_t window = default_window) const {
        return open_on(target_, std::move(call), std::move(options), window);
    }

    /// The items of a stream that may be under way without being asked for.
    static constexpr std::int32_t default_window = 32;

  protected:
    using target_ptr = std::shared_ptr<call_target>;

    explicit caller(target_ptr target) : target_(std::move(target)) {}

    static awaitable<message> exchange_on(target_ptr target, message call, call_options options);
    /// The same, but the answer views the read buffer, which stays until the coroutine suspends.
    static awaitable<message> view_answer(target_ptr target, message call, call_options options) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void(message)>(
            detail::place_call{}, use_awaitable, std::move(target), std::move(call),
            std::move(options));
    }

    target_ptr target_;

  private:
    static awaitable<json> call_dynamic(target_ptr target, std::string name, json arguments,
                                        call_options options);
    static awaitable<json> command_on(target_ptr target, std::string database, json document,
                                      call_options options);
    static awaitable<void> notify_dynamic(target_ptr target, std::string name, json arguments);
    static awaitable<std::shared_ptr<message_stream>>
    open_on(target_ptr target, message call, call_options options, std::int32_t window);

    template <class R, class... A>
    awaitable<R> call_typed(std::string_view name, call_options options, A... arguments) const {
        using signature = typename detail::typed_signature<R>::type;
        return asio::async_initiate<const asio::use_awaitable_t<>, signature>(
            detail::typed_call<R>{}, use_awaitable, target_, name, std::move(options),
            std::move(arguments)...);
    }

    template <class T, class... A>
    static awaitable<stream<T>> open_typed(target_ptr target, std::string_view name,
                                           call_options options, A... arguments) {
        byte_buffer body;
        detail::put_arguments(body, arguments...);
        auto call = message::call(name, {bson::type::array, body});
        auto source = co_await open_on(std::move(target), std::move(call), std::move(options),
                                       default_window);
        co_return stream<T>(std::move(source));
    }

    template <class... A>
    static awaitable<void> notify_typed(target_ptr target, std::string_view name, A... arguments) {
        byte_buffer body;
        detail::put_arguments(body, arguments...);
        auto call = message::call(name, {bson::type::array, body});
        call.oneway = true;
        call_options by_default;
        auto sent = co_await exchange_on(std::move(target), std::move(call), std::move(by_default));
        if (sent.fault) throw sent.to_exception();
    }
};

} // namespace oocrpc
