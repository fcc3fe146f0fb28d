#pragma once

#include <oocrpc/clock.hpp>
#include <oocrpc/detail/child_group.hpp>

namespace oocrpc {
namespace detail {

/// Runs the one child of `group` and stops it at `at`; afterwards throws where it ended with a
/// cancellation, which is deadline_exceeded if it was the deadline that cancelled.
awaitable<void> run_until(time_point at, std::shared_ptr<child_group> group,
                          std::source_location made);

} // namespace detail

/// Gives `operation` until `at`: then it is cancelled and awaited, and the error is
/// `deadline_exceeded`, not `cancelled`. Twisted's addTimeout.
///
/// Only a cancellation becomes deadline_exceeded: where the operation gives a value or another
/// error although it was cancelled, that is kept. It is started even if `at` has passed. Cancelling
/// the awaiting coroutine cancels the operation, waits for it and throws `cancelled`. Runs on the
/// executor and the clock of the awaiting coroutine. `made` is the place of its timer, for people.
template <class T>
awaitable<T> with_deadline(time_point at, awaitable<T> operation,
                           std::source_location made = std::source_location::current()) {
    std::vector<awaitable<T>> child;
    child.push_back(std::move(operation));
    auto group = std::make_shared<detail::vector_group<T>>(std::move(child),
                                                           detail::decided_by::none, rest::cancel);
    co_await detail::run_until(at, group, made);
    co_return group->take(0).value();
}

/// The same, `how_long` from when it is awaited.
template <class T>
awaitable<T> with_deadline(duration how_long, awaitable<T> operation,
                           std::source_location made = std::source_location::current()) {
    auto ex = co_await this_coro::executor;
    auto at = clock::of(ex).after(how_long);
    co_return co_await with_deadline(at, std::move(operation), made);
}

} // namespace oocrpc
