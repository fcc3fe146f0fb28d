#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <oocrpc/access_control.hpp>
#include <oocrpc/bson_value.hpp>
#include <oocrpc/call_registry.hpp>
#include <oocrpc/handler.hpp>

#include "command_options.hpp"
#include "session.hpp"

namespace oocrpc::mongodb {

/// What all calls of one server share. The connection's handler keeps it while a call runs.
struct layer {
    std::shared_ptr<const handler> inner;
    std::shared_ptr<call_registry> registry;
    std::shared_ptr<const access_control> access; ///< null: everybody, everything
    command_options options;
    time_point begun;
};

/// One of MongoDB's own commands: `call.body` is the whole command document. Throws rpc_error
/// `invalid_argument`, naming the key, where what is asked for is of another type.
struct command_call {
    const layer& of;
    context& c;
    message call; ///< its method is `database.name`, the name in lower case

    std::string_view database() const noexcept;
    std::string_view name() const noexcept;
    bytes body() const noexcept { return call.body.as_document(); }
    /// The value of the first key, which is the command's.
    bson::value_view subject() const noexcept;
    std::optional<bson::value_view> find(std::string_view key) const noexcept;
    /// The value of the first key, as a text.
    std::string_view subject_text() const;
    session& connection() const;
    /// `database.` and that.
    std::string within(std::string_view name) const;
    /// An int32, int64, or a double that holds an integer; nothing where the key is missing.
    std::optional<std::int64_t> integer(std::string_view key) const;
    /// Whether the key is there and true, or a number other than 0.
    bool flag(std::string_view key) const;
};

/// The same for a document within a command; `path` names it in errors.
std::optional<std::int64_t> integer_in(bytes document, std::string_view key,
                                       std::string_view path = {});
[[noreturn]] void wrong_type(std::string_view key, std::string_view expected, bson::value_view got);
/// Error texts of what MongoDB has and this server does not.
[[noreturn]] void not_served(std::string_view what);

/// A reply in MongoDB's own words, in `bytes`; the codec adds `ok`.
message raw_reply(bytes document);
/// A reply document that `fill` writes.
template <class F> message reply_with(context& c, F fill) {
    c.scratch().clear();
    bson::document_writer d(c.scratch());
    fill(d);
    d.finish();
    return raw_reply(c.scratch());
}
/// By which clients know that the server is one of ours.
void add_version(bson::document_writer& reply);
/// Nothing but `ok`.
message reply_ok(context& c);
message no_such_command(std::string_view name);

// The commands, by file.

// rpc.cpp: a first key that is no command of MongoDB's is a method.
maybe_awaitable<message> call_method(const layer& of, context& c, message&& call);
/// A command that is answered neither here nor, as it has keys beside a text, by a method.
maybe_awaitable<message> other_command(command_call cmd);

// find.cpp
maybe_awaitable<message> find(command_call cmd);
maybe_awaitable<message> aggregate(command_call cmd);

// insert.cpp
maybe_awaitable<message> insert(command_call cmd);

// cursor_commands.cpp
maybe_awaitable<message> get_more(command_call cmd);
maybe_awaitable<message> kill_cursors(command_call cmd);

// login_commands.cpp: who it is
maybe_awaitable<message> sasl_start(command_call cmd);
maybe_awaitable<message> sasl_continue(command_call cmd);
maybe_awaitable<message> authenticate(command_call cmd);
maybe_awaitable<message> logout(command_call cmd);
maybe_awaitable<message> connection_status(command_call cmd);
/// What hello answers to `saslSupportedMechs` and `speculativeAuthenticate`, where they are asked.
void add_login(const command_call& cmd, bson::document_writer& d);
/// The mechanisms by which users log in on such a connection.
std::vector<std::string_view> login_mechanisms(const command_call& cmd);
/// Throws `permission_denied` where access is controlled and the call is nobody's.
void require_login(const layer& of, const context& c, std::string_view command);
/// Throws `permission_denied` where access is controlled and the caller's roles do not allow the
/// method, which for a command of the server's own is `mongodb.NAME`.
void require_role(const command_call& cmd, std::string_view method);

// hello.cpp: greeting, sessions
maybe_awaitable<message> hello(command_call cmd);
maybe_awaitable<message> start_session(command_call cmd);
maybe_awaitable<message> no_transactions(command_call cmd);
maybe_awaitable<message> get_nonce(command_call cmd);
maybe_awaitable<message> what_is_my_uri(command_call cmd);

// diagnostics.cpp: what the server is
maybe_awaitable<message> ok(command_call cmd);
maybe_awaitable<message> build_info(command_call cmd);
maybe_awaitable<message> get_parameter(command_call cmd);
maybe_awaitable<message> get_cmd_line_opts(command_call cmd);
maybe_awaitable<message> get_log(command_call cmd);
maybe_awaitable<message> host_info(command_call cmd);
maybe_awaitable<message> server_status(command_call cmd);
maybe_awaitable<message> free_monitoring(command_call cmd);
maybe_awaitable<message> unknown(command_call cmd);

// listing.cpp: services as databases, methods as collections and commands
maybe_awaitable<message> list_databases(command_call cmd);
maybe_awaitable<message> list_collections(command_call cmd);
maybe_awaitable<message> list_commands(command_call cmd);

// operations.cpp: calls that are suspended
maybe_awaitable<message> current_op(command_call cmd);
maybe_awaitable<message> kill_op(command_call cmd);
/// `aggregate: 1` with a pipeline that begins with $currentOp.
message current_op_pipeline(const command_call& cmd, bson::value_view pipeline);
/// Runs `work`, a call to be listed by currentOp meanwhile.
awaitable<message> watched(const layer& of, context& c, std::string method,
                           awaitable<message> work);

// commands.cpp
/// The names of all commands that are answered here, as they are usually written.
std::vector<std::string_view> command_names();

} // namespace oocrpc::mongodb
