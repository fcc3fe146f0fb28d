#include "access_layers.hpp"

#include <oocrpc/built_in.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/detail/typed_handler.hpp>

#include "server_login.hpp"

namespace oocrpc {
namespace {

constexpr std::string_view built_in_prefix = "oocrpc.";

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
                              const std::string& payload) {
                auto step = c.session<server_login>().start(*access, c, mechanism, payload);
                return sasl_reply{std::move(step.payload), step.done};
            },
            built_in::sasl_start);
        go_on = typed(
            [access = access](context& c, const std::string& payload) {
                auto step = c.session<server_login>().next(*access, c, payload);
                return sasl_reply{std::move(step.payload), step.done};
            },
            built_in::sasl_continue);
    }

    maybe_awaitable<message> operator()(context& c, message&& call) const {
        if (call.method == built_in::sasl_start.name()) return start(c, std::move(call));
        if (call.method == built_in::sasl_continue.name()) return go_on(c, std::move(call));
        if (const auto* text = c.meta().find("authorization")) {
            auto user = token_user(*text);
            if (user.empty())
                return message::error(0, errc::unauthenticated, "the token is not valid");
            c.act_as(std::move(user));
            c.forget_meta("authorization");
        }
        const bool open =
            call.method == built_in::hello.name() || call.method == built_in::ping.name();
        if (c.user().empty() && !open)
            return message::error(0, errc::unauthenticated,
                                  "'" + c.method() + "' is for users who have logged in");
        return inner(c, std::move(call));
    }

    std::string token_user(std::string_view text) const {
        constexpr std::string_view scheme = "Bearer "; // RFC 6750
        return text.starts_with(scheme) ? access->user_of_token(text.substr(scheme.size()))
                                        : std::string();
    }

    handler inner, start, go_on;
    std::shared_ptr<const access_control> access;
};

} // namespace

handler logged_in_first(handler inner, std::shared_ptr<const access_control> access) {
    return [of = std::make_shared<const gate>(std::move(inner), std::move(access))](
               context& c, message&& call) { return (*of)(c, std::move(call)); };
}

handler authorised(handler inner, std::shared_ptr<const access_control> access) {
    return [inner = std::move(inner),
            access = std::move(access)](context& c, message&& call) -> maybe_awaitable<message> {
        if (!call.method.starts_with(built_in_prefix) && !access->allows(c.user(), call.method))
            return message::error(0, errc::permission_denied,
                                  "'" + std::string(call.method) + "' is not allowed to this user");
        return inner(c, std::move(call));
    };
}

} // namespace oocrpc
