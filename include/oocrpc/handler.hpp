#pragma once

#include <functional>
#include <utility>
#include <variant>

#include <oocrpc/asio.hpp>
#include <oocrpc/message.hpp>
#include <oocrpc/pending.hpp>

namespace oocrpc {

class context;

/// A `T` that is there already, or an awaitable of one, or one that a callback brings: Twisted's
/// maybeDeferred as a type.
template <class T> class [[nodiscard]] maybe_awaitable {
  public:
    maybe_awaitable(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    maybe_awaitable(awaitable<T> later) : content_(std::in_place_index<1>, std::move(later)) {}
    maybe_awaitable(oocrpc::pending<T>& later) : content_(std::in_place_index<2>, &later) {}

    bool ready() const noexcept { return content_.index() == 0; }
    /// The value; only where it is ready().
    const T& value() const { return std::get<0>(content_); }
    T&& take() { return std::move(std::get<0>(content_)); }
    /// What a callback brings, else null.
    oocrpc::pending<T>* pending() const noexcept {
        const auto* later = std::get_if<2>(&content_);
        return later ? *later : nullptr;
    }
    /// As an awaitable, whichever of the two it is; only where it is not ready().
    awaitable<T> wait() {
        auto* later = pending();
        return later ? later->wait() : std::move(std::get<1>(content_));
    }

  private:
    std::variant<T, awaitable<T>, oocrpc::pending<T>*> content_;
};

/// What answers calls: a service's table, a layer, a proxy are all functions of this type.
///
/// It gets the call and returns the `reply` or `error`, now or later. Now is the fast way: the
/// answer goes out from the read loop. What it throws is answered as an error. The message views
/// the read buffer: a handler that returns an awaitable calls message::own() first. One that starts
/// an operation and needs no coroutine gives it `c.later().complete()` as completion handler, and
/// returns `c.later()`. The context lives until the answer is there. Called on the connection's
/// executor; where a server runs on several threads, from all of them.
using handler = std::function<maybe_awaitable<message>(context&, message&&)>;

} // namespace oocrpc
