#pragma once

#include <functional>
#include <utility>
#include <variant>

#include <oocrpc/asio.hpp>
#include <oocrpc/message.hpp>

namespace oocrpc {

class context;

/// A `T` that is there already, or an awaitable of one: Twisted's maybeDeferred as a type.
template <class T> class [[nodiscard]] maybe_awaitable {
  public:
    maybe_awaitable(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    maybe_awaitable(awaitable<T> later) : content_(std::in_place_index<1>, std::move(later)) {}

    bool ready() const noexcept { return content_.index() == 0; }
    /// The value; only where it is ready().
    const T& value() const { return std::get<0>(content_); }
    T&& take() { return std::move(std::get<0>(content_)); }
    /// The awaitable; only where it is not ready().
    awaitable<T> wait() { return std::move(std::get<1>(content_)); }

  private:
    std::variant<T, awaitable<T>> content_;
};

/// What answers calls: a service's table, a layer, a proxy are all functions of this type.
///
/// It gets the call and returns the `reply` or `error`, now or later. Now is the fast way: the
/// answer goes out from the read loop. What it throws is answered as an error. The message views
/// the read buffer: a handler that returns an awaitable calls message::own() first. The context
/// lives until the answer is there. Called on the connection's executor; where a server runs on
/// several threads, from all of them.
using handler = std::function<maybe_awaitable<message>(context&, message&&)>;

} // namespace oocrpc
