#pragma once

// The names of Asio that the library uses, in one place, so that Asio 1.22 to 1.36 all compile:
// between them `as_tuple` and `deferred` moved out of `asio::experimental`.

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

namespace oocrpc {

using asio::any_io_executor;
using asio::use_awaitable;
namespace this_coro = asio::this_coro;

/// What every coroutine of this library returns.
template <class T> using awaitable = asio::awaitable<T>;

/// Completion token: the coroutine receives all arguments as a tuple, nothing is thrown.
#if __has_include(<asio/as_tuple.hpp>)
inline constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
#else
inline constexpr auto use_tuple = asio::experimental::as_tuple(asio::use_awaitable);
#endif

} // namespace oocrpc
