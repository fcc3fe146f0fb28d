#include "log_in.hpp"

#include <algorithm>
#include <optional>

#include <oocrpc/built_in.hpp>
#include <oocrpc/peer.hpp>

namespace oocrpc::detail {
namespace {

constexpr auto by = scram::mechanism::sha_256;
constexpr std::string_view x509 = "MONGODB-X509";

[[noreturn]] void fail(const client_login& as, const std::string& why) {
    const auto how = as.mechanism == x509 ? x509 : to_string(by);
    throw rpc_error(errc::unauthenticated,
                    "the login of '" + as.user + "' by " + std::string(how) + " failed: " + why);
}

[[noreturn]] void refused(const client_login& as, const rpc_error& e) {
    constexpr errc no_answer[]{errc::cancelled, errc::deadline_exceeded, errc::unavailable,
                               errc::overloaded, errc::protocol_error};
    const auto same = [&](errc one) { return e.code() == one; };
    if (std::ranges::any_of(no_answer, same)) throw rpc_error(e);
    if (e.code() == errc::no_such_method) fail(as, "the server knows no login");
    fail(as, "the server says " + e.message() + ": " + e.detail());
}

/// A call of the login, whose refusal is that of the login.
awaitable<sasl_reply> step(std::shared_ptr<client_login> as, awaitable<sasl_reply> call) {
    std::optional<rpc_error> why;
    try {
        co_return co_await std::move(call);
    } catch (const rpc_error& e) {
        why = e;
    }
    refused(*as, *why);
}

std::string answer_to(const sasl_reply& step, scram::client& scram, const client_login& as) {
    auto answer = scram.next(step.payload);
    if (!answer.ok()) fail(as, std::string(to_string(answer.why)));
    return std::move(answer.message);
}

/// By the certificate that the server has seen: it is told whose it is to be.
awaitable<void> log_in_by_certificate(peer server, std::shared_ptr<client_login> as,
                                      call_deadline until) {
    auto start = built_in::sasl_start.with(deadline::fixed(until));
    auto only = server.call(std::move(start), std::string(x509), as->user);
    const auto end = co_await step(as, std::move(only));
    if (!end.done) fail(*as, "the server wants more than there is to say");
}

} // namespace

awaitable<void> log_in(std::shared_ptr<connection> c, std::shared_ptr<client_login> as,
                       call_deadline until) {
    const peer server(std::move(c));
    if (as->mechanism == x509) {
        co_await log_in_by_certificate(server, as, until);
        co_return;
    }
    auto scram = as->begin(by);
    auto start = built_in::sasl_start.with(deadline::fixed(until));
    auto go_on = built_in::sasl_continue.with(deadline::fixed(until));
    auto first = server.call(std::move(start), std::string(to_string(by)), scram.first());
    const auto challenge = co_await step(as, std::move(first));
    auto proof = answer_to(challenge, scram, *as);
    if (challenge.done) fail(*as, "the server has not shown that it knows the password");
    auto second = server.call(std::move(go_on), std::move(proof));
    const auto end = co_await step(as, std::move(second));
    answer_to(end, scram, *as);
    if (!end.done) fail(*as, "the server wants more than there is to say");
    as->keep(by, scram);
}

} // namespace oocrpc::detail
