#pragma once

#include <oocrpc/detail/child_group.hpp>
#include <oocrpc/detail/tuple_group.hpp>
#include <stdexcept>

// Several coroutines at once. What holds for all functions in this header:
//
// The children run on the executor of the awaiting coroutine; all of them are started, each up to
// where it first suspends. They come as a vector of one type or as arguments of different types;
// results are in input order. Cancelling the awaiting coroutine cancels all children, waits until
// they have ended, and throws `cancelled`. `rest` as the first argument says what happens to the
// children that still run when the outcome is decided: without it they are cancelled and awaited.

namespace oocrpc {

/// Thrown by gather(): the failure of one child, and which; Twisted's FirstError.
class first_error : public std::runtime_error {
  public:
    first_error(std::size_t index, std::exception_ptr cause);
    std::size_t index() const noexcept { return index_; }
    const std::exception_ptr& cause() const noexcept { return cause_; }

  private:
    std::size_t index_;
    std::exception_ptr cause_;
};

/// Thrown by when_any() where no child succeeded: all failures, in input order; Twisted's
/// FailureGroup.
class failure_group : public std::runtime_error {
  public:
    explicit failure_group(std::vector<std::exception_ptr> errors);
    const std::vector<std::exception_ptr>& errors() const noexcept { return *errors_; }

  private:
    // Shared, since an exception must not throw while it is copied.
    std::shared_ptr<const std::vector<std::exception_ptr>> errors_;
};

/// The child that decided: its position in the input, and what it gave.
template <class T> struct winner {
    std::size_t index;
    T value;
};
template <> struct winner<void> {
    std::size_t index;
};

namespace detail {

/// The failure of what decided or, where nothing did, of all. Does not return.
[[noreturn]] void throw_first_error(const child_group& group);
[[noreturn]] void throw_failure_group(const child_group& group);
/// Throws std::invalid_argument where there is nothing to choose from.
void require_children(std::size_t n);

template <class T> winner<T> make_winner(std::size_t index, result<T> from) {
    if constexpr (std::is_void_v<T>)
        return winner<void>{index};
    else
        return winner<T>{index, std::move(from).value()};
}

template <class T> std::vector<result<T>> take_all(vector_group<T>& group) {
    std::vector<result<T>> all;
    all.reserve(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) all.push_back(group.take(i));
    return all;
}

template <class T>
using gathered = std::conditional_t<std::is_void_v<T>, void, std::vector<value_or_unit<T>>>;

} // namespace detail

/// Waits for all children and gives how each ended; never throws for a child. An empty list
/// completes at once. Twisted's DeferredList.
template <class T> awaitable<std::vector<result<T>>> when_all(std::vector<awaitable<T>> children) {
    auto group = std::make_shared<detail::vector_group<T>>(std::move(children),
                                                           detail::decided_by::none, rest::cancel);
    co_await group->run();
    group->throw_if_cancelled();
    co_return detail::take_all(*group);
}
template <class... Ts> awaitable<std::tuple<result<Ts>...>> when_all(awaitable<Ts>... children) {
    auto group = std::make_shared<detail::tuple_group<Ts...>>(detail::decided_by::none,
                                                              rest::cancel, std::move(children)...);
    co_await group->run();
    group->throw_if_cancelled();
    co_return group->take_all();
}

/// Waits for all children and gives their values; throws first_error as soon as one fails. Children
/// of no type give nothing (a monostate among others). What the cancelled rest ends with is
/// dropped. Twisted's gatherResults.
template <class T>
awaitable<detail::gathered<T>> gather(rest others, std::vector<awaitable<T>> children) {
    auto group = std::make_shared<detail::vector_group<T>>(std::move(children),
                                                           detail::decided_by::failure, others);
    co_await group->run();
    group->throw_if_cancelled();
    if (group->decider()) detail::throw_first_error(*group);
    if constexpr (!std::is_void_v<T>) {
        std::vector<T> values;
        values.reserve(group->size());
        for (std::size_t i = 0; i < group->size(); ++i) values.push_back(group->take(i).value());
        co_return std::move(values);
    }
}
template <class T> awaitable<detail::gathered<T>> gather(std::vector<awaitable<T>> children) {
    return gather(rest::cancel, std::move(children));
}
template <class... Ts>
awaitable<std::tuple<detail::value_or_unit<Ts>...>> gather(rest others, awaitable<Ts>... children) {
    auto group = std::make_shared<detail::tuple_group<Ts...>>(detail::decided_by::failure, others,
                                                              std::move(children)...);
    co_await group->run();
    group->throw_if_cancelled();
    if (group->decider()) detail::throw_first_error(*group);
    co_return group->take_values();
}
template <class... Ts>
awaitable<std::tuple<detail::value_or_unit<Ts>...>> gather(awaitable<Ts>... children) {
    return gather(rest::cancel, std::move(children)...);
}

/// Gives the first value, and which child gave it; where all fail, throws failure_group. Different
/// types give a std::variant with one alternative for each child. An empty list throws
/// std::invalid_argument. Twisted's race().
template <class T> awaitable<winner<T>> when_any(rest others, std::vector<awaitable<T>> children) {
    detail::require_children(children.size());
    auto group = std::make_shared<detail::vector_group<T>>(std::move(children),
                                                           detail::decided_by::success, others);
    co_await group->run();
    group->throw_if_cancelled();
    if (!group->decider()) detail::throw_failure_group(*group);
    co_return detail::make_winner(*group->decider(), group->take(*group->decider()));
}
template <class T> awaitable<winner<T>> when_any(std::vector<awaitable<T>> children) {
    return when_any(rest::cancel, std::move(children));
}
template <class T, class... Ts>
awaitable<winner<detail::one_of<T, Ts...>>> when_any(rest others, awaitable<T> first,
                                                     awaitable<Ts>... more) {
    auto group = std::make_shared<detail::tuple_group<T, Ts...>>(
        detail::decided_by::success, others, std::move(first), std::move(more)...);
    co_await group->run();
    group->throw_if_cancelled();
    if (!group->decider()) detail::throw_failure_group(*group);
    co_return detail::make_winner(*group->decider(), group->take(*group->decider()));
}
template <class T, class... Ts>
awaitable<winner<detail::one_of<T, Ts...>>> when_any(awaitable<T> first, awaitable<Ts>... more) {
    return when_any(rest::cancel, std::move(first), std::move(more)...);
}

/// Gives how the first child to end has ended, value or error, and which it was; otherwise as
/// when_any(). Twisted's DeferredList with both of its flags.
template <class T>
awaitable<winner<result<T>>> when_first(rest others, std::vector<awaitable<T>> children) {
    detail::require_children(children.size());
    auto group = std::make_shared<detail::vector_group<T>>(std::move(children),
                                                           detail::decided_by::any, others);
    co_await group->run();
    group->throw_if_cancelled();
    winner<result<T>> first{*group->decider(), group->take(*group->decider())};
    co_return std::move(first);
}
template <class T> awaitable<winner<result<T>>> when_first(std::vector<awaitable<T>> children) {
    return when_first(rest::cancel, std::move(children));
}
template <class T, class... Ts>
awaitable<winner<result<detail::one_of<T, Ts...>>>> when_first(rest others, awaitable<T> child,
                                                               awaitable<Ts>... more) {
    auto group = std::make_shared<detail::tuple_group<T, Ts...>>(
        detail::decided_by::any, others, std::move(child), std::move(more)...);
    co_await group->run();
    group->throw_if_cancelled();
    winner<result<detail::one_of<T, Ts...>>> first{*group->decider(),
                                                   group->take(*group->decider())};
    co_return std::move(first);
}
template <class T, class... Ts>
awaitable<winner<result<detail::one_of<T, Ts...>>>> when_first(awaitable<T> child,
                                                               awaitable<Ts>... more) {
    return when_first(rest::cancel, std::move(child), std::move(more)...);
}

} // namespace oocrpc
