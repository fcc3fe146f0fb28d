#pragma once

#include <functional>
#include <memory>
#include <oocrpc/asio.hpp>
#include <type_traits>
#include <utility>

namespace oocrpc {
namespace detail {

template <class R> struct awaited_by {
    using type = R;
    static constexpr bool is_awaitable = false;
};
template <class T> struct awaited_by<awaitable<T>> {
    using type = T;
    static constexpr bool is_awaitable = true;
};

template <class T> awaitable<T> ready_awaitable(T value) {
    co_return std::move(value);
}
inline awaitable<void> ready_awaitable() {
    co_return;
}

template <class T> awaitable<T> failed_awaitable(std::exception_ptr error) {
    std::rethrow_exception(error);
    co_await ready_awaitable(); // never reached: it only makes this a coroutine
}

/// Keeps the function object of a coroutine alive as long as the coroutine.
template <class T, class F>
awaitable<T> hold([[maybe_unused]] std::shared_ptr<F> function, awaitable<T> running) {
    co_return co_await std::move(running);
}

} // namespace detail

/// Calls `f` at once and gives its outcome as an awaitable, whether it returns a value, returns an
/// awaitable or throws: the caller sees one shape. Twisted's maybeDeferred.
///
/// A function object is kept until its coroutine has ended, so a lambda with captures may be passed
/// as a temporary. Arguments are passed on as they are: what a coroutine takes by reference has to
/// outlive it. Awaited once, as any awaitable.
template <class F, class... Args>
auto as_awaitable(F&& f, Args&&... args) -> awaitable<
    typename detail::awaited_by<std::decay_t<std::invoke_result_t<F, Args...>>>::type> {
    using returned = std::decay_t<std::invoke_result_t<F, Args...>>;
    using type = typename detail::awaited_by<returned>::type;
    using function = std::decay_t<F>;
    try {
        if constexpr (detail::awaited_by<returned>::is_awaitable && std::is_class_v<function> &&
                      !std::is_empty_v<function> && !std::is_lvalue_reference_v<F>) {
            auto held = std::make_shared<function>(std::forward<F>(f));
            auto running = std::invoke(*held, std::forward<Args>(args)...);
            return detail::hold<type>(std::move(held), std::move(running));
        } else if constexpr (detail::awaited_by<returned>::is_awaitable) {
            return std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
        } else if constexpr (std::is_void_v<type>) {
            std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
            return detail::ready_awaitable();
        } else {
            return detail::ready_awaitable<type>(
                std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
        }
    } catch (...) {
        return detail::failed_awaitable<type>(std::current_exception());
    }
}

} // namespace oocrpc
