#include "server_login.hpp"

#include <algorithm>

#include <oocrpc/bson.hpp>
#include <oocrpc/connection.hpp>
#include <oocrpc/error.hpp>

#include "scram_crypto.hpp"
#include "turns.hpp"

namespace oocrpc {
namespace {

constexpr int most_failures = 3;
// Of a mechanism's name that goes to the log.
constexpr std::size_t most_name = 64;
// Of a password in one turn of the loop: some 60 us.
constexpr std::uint32_t iterations_of_a_turn = 250;
constexpr std::string_view plain_text = "PLAIN";
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

std::string legible(std::string_view mechanism) {
    return bson::is_utf8(mechanism) ? std::string(mechanism.substr(0, most_name)) : "?";
}

} // namespace

awaitable<server_login::step> server_login::start(const access_control& access, context& c,
                                                  std::string_view mechanism,
                                                  std::string_view payload) {
    auto t = enter();
    begin(mechanism);
    return start_in_turn(shared_from_this(), access, c, std::move(t), std::string(mechanism),
                         secret(payload));
}

awaitable<server_login::step> server_login::next(const access_control& access, context& c,
                                                 std::string_view payload) {
    auto t = enter();
    return next_in_turn(shared_from_this(), access, c, std::move(t), secret(payload));
}

std::optional<server_login::step> server_login::start_early(const access_control& access,
                                                            context& c, std::string_view mechanism,
                                                            std::string_view payload) {
    if (mechanism == plain_text) return std::nullopt;
    enter();
    begin(mechanism);
    return first(access, c, mechanism, payload);
}

/// One step at a time; no password is looked at for those who do not wait for the answer.
server_login::ticket server_login::enter() {
    if (failures_ >= most_failures) refuse();
    if (!under_way_.expired()) refuse();
    ticket t = std::make_shared<const char>();
    under_way_ = t;
    logged_out_ = false;
    return t;
}

/// After a turn, in which much may have come.
void server_login::go_on(const access_control& access, context& c) {
    if (failures_ >= most_failures) refuse();
    if (logged_out_) fail(access, c, "logged out meanwhile");
    if (!c.cancelled()) return;
    count_failure(access, c, "given up");
    throw rpc_error(errc::cancelled, "the login was given up");
}

awaitable<server_login::step> server_login::start_in_turn(self_type self,
                                                          const access_control& access, context& c,
                                                          ticket t, std::string mechanism,
                                                          secret payload) {
    co_await detail::turns::wait_to_log_in(c.executor());
    self->go_on(access, c);
    if (mechanism != plain_text) {
        t.reset();
        co_return self->first(access, c, mechanism, payload.view());
    }
    auto how = scram::mechanism::sha_256;
    auto prepared = self->password_in(access, c, payload.view(), how);
    payload = {};
    auto checking = check(self, access, c, std::move(t), how, std::move(prepared));
    auto done = co_await std::move(checking);
    co_return done;
}

awaitable<server_login::step> server_login::next_in_turn(self_type self,
                                                         const access_control& access, context& c,
                                                         ticket t, secret payload) {
    co_await detail::turns::wait_to_log_in(c.executor());
    self->go_on(access, c);
    t.reset();
    if (!self->scram_) self->fail(access, c, "a message of a login that has not begun");
    co_return self->advance(access, c, payload.view());
}

void server_login::begin(std::string_view mechanism) {
    mechanism_ = legible(mechanism);
    claimed_.clear();
    scram_.reset();
}

server_login::step server_login::first(const access_control& access, context& c,
                                       std::string_view mechanism, std::string_view payload) {
    if (const auto m = scram::mechanism_from_string(mechanism)) {
        scram_.emplace(*m, [users = access.users(), m = *m](std::string_view name) {
            return users->credentials(m, name.substr(0, user_store::max_name + 1));
        });
        return advance(access, c, payload);
    }
    std::string why = "no such mechanism";
    if (mechanism == "MONGODB-X509") why = certificate(access, c, payload);
    if (!why.empty()) fail(access, c, why);
    return succeed(access, c, {});
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

/// RFC 4616. The password travels, so the connection has to be encrypted. Those who are not known
/// take as long as most.
secret server_login::password_in(const access_control& access, context& c, std::string_view payload,
                                 scram::mechanism& how) {
    if (!c.info().tls) fail(access, c, "the connection is not encrypted");
    const auto first = payload.find('\0');
    const auto second = first == payload.npos ? first : payload.find('\0', first + 1);
    if (second == payload.npos || !bson::is_utf8(payload)) fail(access, c, "malformed");
    const auto acts_as = payload.substr(0, first);
    if (!claim(payload.substr(first + 1, second - first - 1))) fail(access, c, long_name);
    if (!acts_as.empty() && acts_as != claimed_) fail(access, c, "wants to act as somebody else");
    const auto all = access.users()->mechanisms(claimed_);
    const bool newer = all.empty() || std::ranges::count(all, scram::mechanism::sha_256) > 0;
    how = newer ? scram::mechanism::sha_256 : scram::mechanism::sha_1;
    std::string why;
    try {
        return scram::prepare(how, claimed_, payload.substr(second + 1));
    } catch (const rpc_error& e) {
        why = e.detail();
    }
    fail(access, c, why);
}

/// Hashes some of it in each turn of the loop.
awaitable<server_login::step> server_login::check(self_type self, const access_control& access,
                                                  context& c, ticket t, scram::mechanism how,
                                                  secret prepared) {
    const auto known = access.users()->credentials(how, self->claimed_);
    scram::salting password(how, prepared, known.salt, known.iterations);
    prepared = {};
    do {
        co_await detail::turns::wait_to_log_in(c.executor());
        self->go_on(access, c);
    } while (!password.go_on(iterations_of_a_turn));
    t.reset();
    if (!scram::matches(known, password.take()) || !access.users()->find(self->claimed_))
        self->fail(access, c, "the password is wrong, or the user unknown");
    co_return self->succeed(access, c, {});
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

void server_login::count_failure(const access_control& access, context& c, std::string_view why) {
    scram_.reset();
    c.log_in({});
    access.report({mechanism_, claimed_, c.info().address, std::string(why)});
    if (++failures_ >= most_failures) end_soon(c);
}

void server_login::fail(const access_control& access, context& c, std::string_view why) {
    if (failures_ < most_failures) count_failure(access, c, why);
    refuse();
}

void server_login::log_out(context& c) {
    scram_.reset();
    logged_out_ = true;
    c.log_in({});
}

} // namespace oocrpc
