// Logins of MongoDB's clients (auth.md of its specifications): SASL in commands of its own, in
// hello for those who cannot wait, and what was before SASL for certificates.

#include <algorithm>

#include "../access_layers.hpp"
#include "../scram_crypto.hpp"
#include "../server_login.hpp"
#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/secret.hpp>

#include "command_call.hpp"
#include "command_names.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

constexpr std::string_view x509 = "MONGODB-X509";
// There is one login at a time, so that all conversations have the same number.
constexpr std::int32_t conversation = 1;

/// What a connection remembers of the login under way beside its messages.
struct exchange {
    bool skip_empty = false; ///< the client does not want to send an empty last message
    bool over = false;       ///< but for that message
};

[[noreturn]] void nobody_to_be() {
    throw rpc_error(errc::unauthenticated, "no user can be authenticated here");
}

const access_control& control_of(const command_call& cmd) {
    if (!cmd.of.access) nobody_to_be();
    return *cmd.of.access;
}

[[noreturn]] void refuse(const command_call& cmd, std::string_view why) {
    server_login::of(cmd.c).fail(control_of(cmd), cmd.c, why);
}

std::string_view text_in(bytes document, std::string_view key) {
    const auto v = bson::find(document, key);
    return v && v->t == bson::type::string ? v->as_string() : std::string_view();
}

/// Bytes, or their base64, which libmongoc sends for PLAIN.
secret payload_in(const command_call& cmd, bytes document) {
    const auto v = bson::find(document, "payload");
    if (v && v->t == bson::type::binary) {
        const auto data = v->as_binary().data;
        return secret(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
    }
    auto decoded = v && v->t == bson::type::string ? scram::from_base64(v->as_string())
                                                   : std::optional<std::string>();
    if (!decoded) refuse(cmd, "a login without a payload");
    secret payload(*decoded);
    cleanse(*decoded);
    return payload;
}

void add_payload(bson::document_writer& d, std::string_view payload) {
    d.add("payload", std::vector<std::uint8_t>(payload.begin(), payload.end()));
}

void add_step(bson::document_writer& d, const server_login::step& step) {
    d.add("conversationId", conversation);
    d.add("done", step.done);
    add_payload(d, step.payload);
}

message reply_step(context& c, const server_login::step& step) {
    return reply_with(c, [&](bson::document_writer& d) { add_step(d, step); });
}

/// Options of a first step, which are for the last one.
void keep_options(context& c, bytes document) {
    auto& state = c.session<exchange>();
    state = {};
    if (const auto how = bson::find(document, "options"); how && how->t == bson::type::document) {
        const auto skip = bson::find(how->as_document(), "skipEmptyExchange");
        state.skip_empty = skip && strict_true(*skip);
    }
}

void start_certificate(const command_call& cmd, bytes document) {
    if (text_in(document, "mechanism") != x509) refuse(cmd, "authenticate is for certificates");
    server_login::of(cmd.c).start_early(control_of(cmd), cmd.c, x509, text_in(document, "user"));
}

awaitable<message> answer(context& c, awaitable<server_login::step> later) {
    auto step = co_await std::move(later);
    co_return reply_step(c, step);
}

/// The empty message that some clients send after the last one is answered by itself.
awaitable<message> answer_next(context& c, awaitable<server_login::step> later) {
    auto step = co_await std::move(later);
    auto& state = c.session<exchange>();
    if (step.done && !state.skip_empty) {
        step.done = false;
        state.over = true;
    }
    co_return reply_step(c, step);
}

void add_certificate_user(const command_call& cmd, bson::document_writer& d) {
    d.add("dbname", "$external");
    d.add("user", cmd.c.user());
}

/// A first message that comes with hello; where it is refused, or takes time, hello just does not
/// answer it.
void add_speculative(const command_call& cmd, bytes document, bson::document_writer& d) {
    const bool certificate = bson::find(document, "authenticate").has_value();
    std::optional<server_login::step> step;
    try {
        if (certificate) {
            start_certificate(cmd, document);
        } else {
            step = server_login::of(cmd.c).start_early(control_of(cmd), cmd.c,
                                                       text_in(document, "mechanism"),
                                                       payload_in(cmd, document).view());
            if (!step) return;
            keep_options(cmd.c, document);
        }
    } catch (const rpc_error&) {
        return;
    }
    bson::document_writer answer(d, "speculativeAuthenticate");
    if (certificate)
        add_certificate_user(cmd, answer);
    else
        add_step(answer, *step);
    answer.finish();
}

} // namespace

std::vector<std::string_view> login_mechanisms(const command_call& cmd) {
    std::vector<std::string_view> all;
    if (!cmd.of.access) return all;
    for (const auto m : {scram::mechanism::sha_1, scram::mechanism::sha_256})
        all.push_back(to_string(m));
    if (cmd.c.info().tls) all.insert(all.end(), {"PLAIN", x509});
    return all;
}

void add_login(const command_call& cmd, bson::document_writer& d) {
    const auto whom = cmd.find("saslSupportedMechs");
    std::vector<std::string_view> known;
    if (whom) {
        if (cmd.of.access && whom->t == bson::type::string) {
            const auto name = split_name(whom->as_string()).name; // `database.user`
            for (const auto m : cmd.of.access->users()->mechanisms(name))
                known.push_back(to_string(m));
        }
        // Who asks is told that there is nobody to be.
        d.add("saslSupportedMechs", known);
    }
    const auto first = cmd.find("speculativeAuthenticate");
    if (!first || first->t != bson::type::document || !cmd.of.access) return;
    // Who asks goes on with a mechanism of the user's, as if that had been answered here.
    const auto mechanism = text_in(first->as_document(), "mechanism");
    if (!whom || std::ranges::count(known, mechanism) > 0)
        add_speculative(cmd, first->as_document(), d);
}

maybe_awaitable<message> sasl_start(command_call cmd) {
    const auto& access = control_of(cmd);
    auto later = server_login::of(cmd.c).start(access, cmd.c, text_in(cmd.body(), "mechanism"),
                                               payload_in(cmd, cmd.body()).view());
    keep_options(cmd.c, cmd.body());
    return answer(cmd.c, std::move(later));
}

maybe_awaitable<message> sasl_continue(command_call cmd) {
    const auto& access = control_of(cmd);
    const auto id = cmd.find("conversationId");
    const auto number = id ? strict_integer(*id) : std::nullopt;
    if (!number || *number != conversation) refuse(cmd, "another conversation");
    const auto payload = payload_in(cmd, cmd.body());
    if (std::exchange(cmd.c.session<exchange>().over, false) && payload.empty())
        return reply_step(cmd.c, {{}, true});
    return answer_next(cmd.c, server_login::of(cmd.c).next(access, cmd.c, payload.view()));
}

maybe_awaitable<message> authenticate(command_call cmd) {
    control_of(cmd);
    start_certificate(cmd, cmd.body());
    return reply_with(cmd.c, [&](bson::document_writer& d) { add_certificate_user(cmd, d); });
}

maybe_awaitable<message> logout(command_call cmd) {
    server_login::of(cmd.c).log_out(cmd.c);
    return reply_ok(cmd.c);
}

maybe_awaitable<message> connection_status(command_call cmd) {
    const auto& name = cmd.c.user();
    const auto users = cmd.of.access ? cmd.of.access->users() : nullptr;
    const auto* who = users ? users->find(name) : nullptr;
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        bson::document_writer info(d, "authInfo");
        bson::array_writer all(info, "authenticatedUsers");
        if (!name.empty()) {
            bson::document_writer one(all);
            one.add("user", name);
            one.add("db", "admin");
            one.finish();
        }
        all.finish();
        bson::array_writer roles(info, "authenticatedUserRoles");
        for (const auto& role : who ? who->roles : std::vector<std::string>()) {
            bson::document_writer one(roles);
            one.add("role", role);
            one.add("db", "admin");
            one.finish();
        }
        roles.finish();
        if (cmd.flag("showPrivileges"))
            info.add("authenticatedUserPrivileges", std::vector<std::string>());
        info.finish();
    });
}

void require_login(const layer& of, const context& c, std::string_view command) {
    if (of.access && !is_somebody(*of.access, c))
        throw rpc_error(errc::permission_denied,
                        "'" + std::string(command) + "' is for users who have logged in");
}

void require_role(const command_call& cmd, std::string_view method) {
    if (cmd.of.access && !cmd.of.access->allows(cmd.c.user(), method))
        throw rpc_error(errc::permission_denied,
                        "'" + std::string(method) + "' is not allowed to this user");
}

} // namespace oocrpc::mongodb
