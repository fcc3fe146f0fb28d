#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/description.hpp>
#include <oocrpc/detail/arguments.hpp>
#include <oocrpc/handler.hpp>
#include <oocrpc/method.hpp>
#include <oocrpc/streaming.hpp>

namespace oocrpc::detail {

template <class T> inline constexpr bool is_awaitable = false;
template <class T> inline constexpr bool is_awaitable<awaitable<T>> = true;
template <class T> struct awaited {
    using type = T;
};
template <class T> struct awaited<awaitable<T>> {
    using type = T;
};
template <class T> struct item_of {
    using type = T;
};
template <class T> struct item_of<stream<T>> {
    using type = T;
};

/// A reply whose bytes are in the call's scratch buffer.
template <class T> message make_reply(context& c, const T& result) {
    const auto start = c.scratch().size();
    const auto t = bson::put(c.scratch(), result);
    return message::reply(0, {t, bytes(c.scratch()).subspan(start)});
}
inline message make_reply() {
    return message::reply(0, {bson::type::null, {}});
}

/// Calls `f` with the context where it wants one.
template <class F, class... A> decltype(auto) call_with(const F& f, context& c, A&&... arguments) {
    if constexpr (std::is_invocable_v<const F&, context&, A...>)
        return f(c, std::forward<A>(arguments)...);
    else
        return f(std::forward<A>(arguments)...);
}

template <class R, class... A> method_description describe(const method<R(A...)>& m) {
    method_description d;
    d.name = m.name();
    (d.parameters.push_back({{}, bson::type_name<std::decay_t<A>>()}), ...);
    for (std::size_t i = 0; i < d.parameters.size(); ++i) d.parameters[i].name = m.parameters()[i];
    using item = typename item_of<R>::type;
    d.streams = is_stream<R>;
    if constexpr (std::is_void_v<item>)
        d.result = "void";
    else
        d.result = bson::type_name<item>();
    return d;
}

/// A handler made of a function with the method's signature: reads the arguments, calls it, and
/// answers with what it returns, now or, for a coroutine, later.
template <class F, class R, class... A> class typed_handler {
  public:
    typed_handler(F f, const method<R(A...)>& m)
        : f_(std::move(f)),
          names_(m.parameters().begin(), m.parameters().end()) {}

    maybe_awaitable<message> operator()(context& c, message&& call) const {
        std::tuple<std::decay_t<A>...> arguments;
        auto fault = read_all(call.body, arguments, std::index_sequence_for<A...>());
        if (!fault.empty()) return message::error(0, errc::invalid_argument, std::move(fault));
        if constexpr (is_stream<R>)
            return serve_stream(f_, c, std::move(arguments));
        else if constexpr (is_awaitable<result>)
            return serve(f_, c, std::move(arguments));
        else
            return std::apply([&](auto&... a) { return answer(c, std::move(a)...); }, arguments);
    }

  private:
    using item = typename item_of<R>::type;

    static auto try_call(const F& f, context& c, std::decay_t<A>&&... a) {
        if constexpr (is_stream<R>)
            return;
        else
            return call_with(f, c, std::move(a)...);
    }
    using result = std::invoke_result_t<decltype(&typed_handler::try_call), const F&, context&,
                                        std::decay_t<A>&&...>;

    template <std::size_t... I>
    std::string read_all(bson::value_view body, std::tuple<std::decay_t<A>...>& out,
                         std::index_sequence<I...>) const {
        argument_reader reader(body, names_);
        (reader.template read<std::decay_t<A>>(I, std::get<I>(out)), ...);
        return reader.finish();
    }

    maybe_awaitable<message> answer(context& c, std::decay_t<A>&&... a) const {
        if constexpr (std::is_void_v<result>) {
            call_with(f_, c, std::move(a)...);
            return make_reply();
        } else if constexpr (std::is_same_v<result, message> ||
                             std::is_same_v<result, maybe_awaitable<message>>) {
            return call_with(f_, c, std::move(a)...);
        } else {
            return make_reply(c, call_with(f_, c, std::move(a)...));
        }
    }

    static awaitable<message> serve(const F& f, context& c, std::tuple<std::decay_t<A>...> args) {
        auto work = std::apply([&](auto&... a) { return call_with(f, c, std::move(a)...); }, args);
        if constexpr (std::is_void_v<typename awaited<result>::type>) {
            co_await std::move(work);
            co_return make_reply();
        } else {
            auto value = co_await std::move(work);
            co_return make_reply(c, value);
        }
    }

    static awaitable<message> serve_stream(const F& f, context& c,
                                           std::tuple<std::decay_t<A>...> args) {
        c.open_stream();
        sink<item> out(c);
        auto work =
            std::apply([&](auto&... a) { return call_with(f, c, std::move(a)..., out); }, args);
        co_await std::move(work);
        co_return make_reply();
    }

    F f_;
    std::vector<std::string> names_;
};

} // namespace oocrpc::detail
