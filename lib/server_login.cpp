#include "server_login.hpp"

#include <algorithm>

#include <oocrpc/bson.hpp>
#include <oocrpc/connection.hpp>
#include <oocrpc/error.hpp>

namespace oocrpc {
namespace {

constexpr int most_failures = 3;
// Of a mechanism's name that goes to the log.
constexpr std::size_t most_name = 64;
constexpr std::string_view long_name = "the name is longer than any user's";

[[noreturn]] void refuse() {
    throw rpc_error(errc::unauthenticated, "authentication failed");
}

/// Ends it when what it has sent by now is answered.
void end_soon(context& c) {
    asio::post(c.executor(), [self = c.shared_connection()] {
        self->close(rpc_error(errc::unauthenticated, "too many logins failed"));
    });
}

} // namespace

server_login::step server_login::start(const access_control& access, context& c,
                                       std::string_view mechanism, std::string_view payload) {
    if (failures_ >= most_failures) refuse();
    mechanism_ = bson::is_utf8(mechanism) ? mechanism.substr(0, most_name) : "?";
    claimed_.clear();
    scram_.reset();
    if (const auto m = scram::mechanism_from_string(mechanism)) {
        scram_.emplace(*m, [users = access.users(), m = *m](std::string_view name) {
            return users->credentials(m, name.substr(0, user_store::max_name + 1));
        });
        return advance(access, c, payload);
    }
    std::string why = "no such mechanism";
    if (mechanism == "PLAIN") why = plain(access, c, payload);
    if (mechanism == "MONGODB-X509") why = certificate(access, c, payload);
    if (!why.empty()) fail(access, c, why);
    return succeed(access, c, {});
}

server_login::step server_login::next(const access_control& access, context& c,
                                      std::string_view payload) {
    if (failures_ >= most_failures) refuse();
    if (!scram_) fail(access, c, "a message of a login that has not begun");
    return advance(access, c, payload);
}

server_login::step server_login::advance(const access_control& access, context& c,
                                         std::string_view payload) {
    auto answer = scram_->next(payload);
    if (!claim(scram_->user())) fail(access, c, long_name);
    if (!answer.ok()) fail(access, c, to_string(answer.why));
    if (!scram_->authenticated()) return {std::move(answer.message), false};
    scram_.reset();
    if (!access.users()->find(claimed_)) fail(access, c, "the user is gone");
    return succeed(access, c, std::move(answer.message));
}

/// False where the name is longer than any user's, which then is not kept either.
bool server_login::claim(std::string_view name) {
    const bool fits = name.size() <= user_store::max_name;
    claimed_ = fits ? name : std::string_view();
    return fits;
}

/// Returns why not, as certificate() does. RFC 4616. The password travels, so the connection has to
/// be encrypted.
std::string server_login::plain(const access_control& access, const context& c,
                                std::string_view payload) {
    if (!c.info().tls) return "the connection is not encrypted";
    const auto first = payload.find('\0');
    const auto second = first == payload.npos ? first : payload.find('\0', first + 1);
    if (second == payload.npos || !bson::is_utf8(payload)) return "malformed";
    const auto acts_as = payload.substr(0, first);
    if (!claim(payload.substr(first + 1, second - first - 1))) return std::string(long_name);
    if (!acts_as.empty() && acts_as != claimed_) return "wants to act as somebody else";
    const auto users = access.users();
    // Those who are not known take as long as most.
    const auto all = users->mechanisms(claimed_);
    const bool newer = all.empty() || std::ranges::count(all, scram::mechanism::sha_256) > 0;
    const auto m = newer ? scram::mechanism::sha_256 : scram::mechanism::sha_1;
    try {
        const auto prepared = scram::prepare(m, claimed_, payload.substr(second + 1));
        const bool right = scram::matches(users->credentials(m, claimed_), prepared);
        return right && users->find(claimed_) ? "" : "the password is wrong, or the user unknown";
    } catch (const rpc_error& e) {
        return e.detail();
    }
}

std::string server_login::certificate(const access_control& access, const context& c,
                                      std::string_view payload) {
    const auto& tls = c.info().tls;
    if (!tls || tls->subject.empty()) return "the client showed no certificate";
    claimed_ = access.user_of(*tls);
    if (claimed_.empty()) return "the certificate of '" + tls->subject + "' names no user";
    if (!payload.empty() && payload != claimed_ && payload != tls->subject)
        return "wants to be another user than its certificate says";
    return {};
}

server_login::step server_login::succeed(const access_control& access, context& c,
                                         std::string payload) {
    access.report({mechanism_, claimed_, c.info().address, {}});
    c.log_in(claimed_);
    return {std::move(payload), true};
}

void server_login::fail(const access_control& access, context& c, std::string_view why) {
    if (failures_ >= most_failures) refuse();
    scram_.reset();
    c.log_in({});
    access.report({mechanism_, claimed_, c.info().address, std::string(why)});
    if (++failures_ >= most_failures) end_soon(c);
    refuse();
}

} // namespace oocrpc
