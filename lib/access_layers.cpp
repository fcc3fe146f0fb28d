#include "access_layers.hpp"

#include <oocrpc/built_in.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/detail/typed_handler.hpp>

#include "server_login.hpp"

namespace oocrpc {
namespace {

constexpr std::string_view token_scheme = "Bearer "; // RFC 6750

/// Before the login as well.
bool is_open(std::string_view method) {
    return method == built_in::hello.name() || method == built_in::ping.name();
}

/// Either step of a login.
awaitable<message> answer(context& c, awaitable<server_login::step> later) {
    auto step = co_await std::move(later);
    co_return detail::make_reply(c, sasl_reply{std::move(step.payload), step.done});
}

template <class F, class R, class... A> handler typed(F f, const method<R(A...)>& m) {
    return detail::typed_handler<F, R, A...>(std::move(f), m);
}

/// What comes before the login.
struct gate {
    gate(handler h, std::shared_ptr<const access_control> a)
        : inner(std::move(h)),
          access(std::move(a)) {
        start = typed(
            [access = access](context& c, const std::string& mechanism,
                              const std::string& payload) -> maybe_awaitable<message> {
                return answer(c, server_login::of(c).start(*access, c, mechanism, payload));
            },
            built_in::sasl_start);
        go_on = typed(
            [access = access](context& c, const std::string& payload) -> maybe_awaitable<message> {
                return answer(c, server_login::of(c).next(*access, c, payload));
            },
            built_in::sasl_continue);
    }

    maybe_awaitable<message> operator()(context& c, message&& call) const {
        if (call.method == built_in::sasl_start.name()) return start(c, std::move(call));
        if (call.method == built_in::sasl_continue.name()) return go_on(c, std::move(call));
        if (c.user().empty() && !is_open(call.method))
            return message::error(0, errc::unauthenticated,
                                  "'" + c.method() + "' is for users who have logged in");
        return inner(c, std::move(call));
    }

    handler inner, start, go_on;
    std::shared_ptr<const access_control> access;
};

bool may_call(const access_control& access, const context& c, std::string_view method) {
    if (is_open(method)) return true;
    const bool lists = method == built_in::list.name() || method == built_in::describe.name();
    return lists ? is_somebody(access, c) : access.allows(c.user(), method);
}

} // namespace

handler logged_in_first(handler inner, std::shared_ptr<const access_control> access) {
    return [of = std::make_shared<const gate>(std::move(inner), std::move(access))](
               context& c, message&& call) { return (*of)(c, std::move(call)); };
}

bool is_somebody(const access_control& access, const context& c) {
    const auto& user = c.user();
    return !user.empty() && (c.by_token() || access.users()->find(user));
}

handler with_tokens(handler inner, std::shared_ptr<const access_control> access) {
    if (!access->takes_tokens()) return inner;
    return [inner = std::move(inner),
            access = std::move(access)](context& c, message&& call) -> maybe_awaitable<message> {
        if (const auto* text = c.meta().find("authorization")) {
            std::string user;
            if (text->starts_with(token_scheme))
                user = access->user_of_token(std::string_view(*text).substr(token_scheme.size()));
            if (user.empty())
                return message::error(0, errc::unauthenticated, "the token is not valid");
            c.act_as(std::move(user));
            c.forget_meta("authorization");
        }
        return inner(c, std::move(call));
    };
}

handler authorised(handler inner, std::shared_ptr<const access_control> access) {
    return [inner = std::move(inner),
            access = std::move(access)](context& c, message&& call) -> maybe_awaitable<message> {
        if (!may_call(*access, c, call.method))
            return message::error(0, errc::permission_denied,
                                  "'" + std::string(call.method) + "' is not allowed to this user");
        return inner(c, std::move(call));
    };
}

} // namespace oocrpc
