#include "commands.hpp"

#include <algorithm>
#include <array>

#include <oocrpc/context.hpp>

#include "command_call.hpp"

namespace oocrpc::mongodb {
namespace {

/// Whose a command is where users log in.
enum class audience {
    anybody, ///< also before the login
    users,
    allowed, ///< to roles, as the method `mongodb.NAME`
};

struct entry {
    std::string_view name; // in lower case
    std::string_view written;
    maybe_awaitable<message> (*answer)(command_call cmd);
    audience whose = audience::users;
};

// Sorted by name.
constexpr std::array table{
    entry{"aborttransaction", "abortTransaction", no_transactions},
    entry{"aggregate", "aggregate", aggregate},
    entry{"atlasversion", "atlasVersion", unknown},
    entry{"authenticate", "authenticate", authenticate, audience::anybody},
    entry{"buildinfo", "buildInfo", build_info},
    entry{"committransaction", "commitTransaction", no_transactions},
    entry{"connectionstatus", "connectionStatus", connection_status},
    entry{"currentop", "currentOp", current_op, audience::allowed},
    entry{"endsessions", "endSessions", ok},
    entry{"find", "find", find},
    entry{"getcmdlineopts", "getCmdLineOpts", get_cmd_line_opts},
    entry{"getfreemonitoringstatus", "getFreeMonitoringStatus", free_monitoring},
    entry{"getlog", "getLog", get_log},
    entry{"getmore", "getMore", get_more},
    entry{"getnonce", "getnonce", get_nonce},
    entry{"getparameter", "getParameter", get_parameter},
    entry{"hello", "hello", hello, audience::anybody},
    entry{"hostinfo", "hostInfo", host_info, audience::allowed},
    entry{"insert", "insert", insert},
    entry{"ismaster", "isMaster", hello, audience::anybody},
    entry{"killcursors", "killCursors", kill_cursors},
    entry{"killop", "killOp", kill_op, audience::allowed},
    entry{"listcollections", "listCollections", list_collections},
    entry{"listcommands", "listCommands", list_commands},
    entry{"listdatabases", "listDatabases", list_databases},
    entry{"logout", "logout", logout, audience::anybody},
    entry{"ping", "ping", ok},
    entry{"refreshsessions", "refreshSessions", ok},
    entry{"saslcontinue", "saslContinue", sasl_continue, audience::anybody},
    entry{"saslstart", "saslStart", sasl_start, audience::anybody},
    entry{"serverstatus", "serverStatus", server_status, audience::allowed},
    entry{"startsession", "startSession", start_session},
    entry{"whatsmyuri", "whatsmyuri", what_is_my_uri},
};
static_assert(std::ranges::is_sorted(table, {}, &entry::name));

/// Throws where the command is not the caller's.
void require(const command_call& cmd, audience whose, std::string_view written) {
    if (whose == audience::anybody) return;
    require_login(cmd.of, cmd.c, cmd.name());
    if (whose == audience::allowed) require_role(cmd, "mongodb." + std::string(written));
}

maybe_awaitable<message> answer_command(const layer& of, context& c, message call) {
    command_call cmd{of, c, std::move(call)};
    const auto at = std::ranges::lower_bound(table, cmd.name(), {}, &entry::name);
    const bool known = at != table.end() && at->name == cmd.name();
    require(cmd, known ? at->whose : audience::users, known ? at->written : "");
    if (!known) return other_command(std::move(cmd));
    return at->answer(std::move(cmd));
}

maybe_awaitable<message> answer(const layer& of, context& c, message&& call) {
    if (!call.raw) require_login(of, c, call.method);
    auto outcome =
        call.raw ? answer_command(of, c, std::move(call)) : call_method(of, c, std::move(call));
    if (!outcome.ready()) outcome = watched(of, c, c.method(), outcome.wait());
    return outcome;
}

} // namespace

std::vector<std::string_view> command_names() {
    std::vector<std::string_view> names;
    for (const auto& e : table) names.push_back(e.written);
    return names;
}

handler answer_commands(handler inner, std::shared_ptr<call_registry> registry,
                        command_options options, std::shared_ptr<const access_control> access) {
    auto of = std::make_shared<layer>();
    of->inner = std::make_shared<const handler>(std::move(inner));
    of->registry = std::move(registry);
    of->access = std::move(access);
    of->options = options;
    of->begun = std::chrono::steady_clock::now();
    return [of = std::shared_ptr<const layer>(of)](context& c,
                                                   message&& call) -> maybe_awaitable<message> {
        if (c.info().protocol != std::string_view("mongodb"))
            return (*of->inner)(c, std::move(call));
        return answer(*of, c, std::move(call));
    };
}

} // namespace oocrpc::mongodb
