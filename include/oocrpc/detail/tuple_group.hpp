#pragma once

#include <oocrpc/detail/child_group.hpp>
#include <tuple>
#include <type_traits>
#include <variant>

namespace oocrpc::detail {

template <class T> using value_or_unit = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class... Ts> struct merge_types {
    using type = std::variant<value_or_unit<Ts>...>;
};
template <class T, class... Ts>
    requires(std::is_same_v<T, Ts> && ...)
struct merge_types<T, Ts...> {
    using type = T;
};
/// What one of several types gives: the type where they are all the same, else a variant.
template <class... Ts> using one_of = typename merge_types<Ts...>::type;

/// A group of children of different types.
template <class... Ts> class tuple_group final : public child_group {
  public:
    tuple_group(decided_by which, rest others, awaitable<Ts>... children)
        : child_group(sizeof...(Ts), which, others),
          children_(std::move(children)...) {}

    std::tuple<result<Ts>...> take_all() {
        return std::apply(
            [](auto&... outcome) { return std::tuple<result<Ts>...>(std::move(*outcome)...); },
            outcomes_);
    }

    std::tuple<value_or_unit<Ts>...> take_values() {
        return std::apply(
            [](auto&... outcome) {
                return std::tuple<value_or_unit<Ts>...>(value(std::move(*outcome))...);
            },
            outcomes_);
    }

    /// The outcome of child `i` as the one type that all of them fit in.
    auto take(std::size_t i) {
        using merged = one_of<Ts...>;
        std::optional<result<merged>> taken;
        at(i, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            auto& outcome = *std::get<I>(outcomes_);
            if constexpr ((std::is_same_v<Ts, merged> && ...))
                taken.emplace(std::move(outcome));
            else if (outcome.ok())
                taken.emplace(merged(std::in_place_index<I>, value(std::move(outcome))));
            else
                taken.emplace(result<merged>::failed(outcome.error()));
        });
        return std::move(*taken);
    }

    std::exception_ptr error(std::size_t i) const override {
        std::exception_ptr e;
        at(i, [&](auto index) { e = std::get<index()>(outcomes_)->error(); });
        return e;
    }

  private:
    template <class T> static value_or_unit<T> value(result<T>&& from) {
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return std::move(from).value();
    }

    template <class F> static void at([[maybe_unused]] std::size_t i, [[maybe_unused]] F f) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            ((I == i ? f(std::integral_constant<std::size_t, I>()) : void()), ...);
        }(std::index_sequence_for<Ts...>());
    }

    awaitable<void> child(std::size_t i) override {
        std::optional<awaitable<void>> body;
        at(i, [&](auto index) {
            body.emplace(keep_outcome(std::move(std::get<index()>(children_)),
                                      &std::get<index()>(outcomes_)));
        });
        return std::move(*body);
    }
    void set_error(std::size_t i, std::exception_ptr e) override {
        at(i, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            using outcome = std::tuple_element_t<I, std::tuple<result<Ts>...>>;
            std::get<I>(outcomes_) = outcome::failed(e);
        });
    }

    std::tuple<awaitable<Ts>...> children_;
    std::tuple<std::optional<result<Ts>>...> outcomes_;
};

} // namespace oocrpc::detail
