// What tools ask about the server itself.

#include <thread>

#include <sys/utsname.h>
#include <unistd.h>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/version.hpp>

#include "command_call.hpp"

namespace oocrpc::mongodb {
namespace {

// What tools take the server for: the MongoDB whose wire version hello tells.
constexpr const char* mongodb_version = "7.0.0";

using strings = std::vector<std::string_view>;

utsname system_names() {
    utsname names{};
    uname(&names);
    return names;
}

/// The parameters that there are, by name; false where there is none of that name.
bool add_parameter(const command_call& cmd, std::string_view name, bson::document_writer& d) {
    if (name == "featureCompatibilityVersion") {
        bson::document_writer value(d, name);
        value.add("version", "7.0");
        value.finish();
    } else if (name == "authenticationMechanisms") {
        d.add(name, login_mechanisms(cmd));
    } else {
        return false;
    }
    return true;
}

} // namespace

maybe_awaitable<message> ok(command_call cmd) {
    return reply_ok(cmd.c);
}

maybe_awaitable<message> build_info(command_call cmd) {
    const std::vector<std::int32_t> numbers{7, 0, 0, 0};
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        d.add("version", mongodb_version);
        d.add("gitVersion", "none");
        d.add("modules", strings{"oocrpc"});
        d.add("allocator", "system");
        d.add("javascriptEngine", "none");
        d.add("versionArray", numbers);
        d.add("bits", static_cast<std::int32_t>(8 * sizeof(void*)));
        d.add("debug", false);
        d.add("maxBsonObjectSize", static_cast<std::int32_t>(cmd.c.limits().max_message));
        d.add("storageEngines", strings());
        add_version(d);
    });
}

maybe_awaitable<message> get_parameter(command_call cmd) {
    const auto what = cmd.subject();
    const bool all = what.t == bson::type::string && what.as_string() == "*";
    bool found = all;
    auto reply = reply_with(cmd.c, [&](bson::document_writer& d) {
        if (all) {
            for (const auto name : {"featureCompatibilityVersion", "authenticationMechanisms"})
                add_parameter(cmd, name, d);
            return;
        }
        bool first = true;
        for (const auto& e : bson::elements(cmd.body()))
            if (!std::exchange(first, false) && add_parameter(cmd, e.name, d)) found = true;
    });
    constexpr int invalid_options = 72;
    if (!found) throw rpc_error("InvalidOptions", "no option found to get", invalid_options);
    return reply;
}

maybe_awaitable<message> get_cmd_line_opts(command_call cmd) {
    return reply_with(cmd.c, [](bson::document_writer& d) {
        d.add("argv", strings{"oocrpc"});
        bson::document_writer parsed(d, "parsed");
        parsed.finish();
    });
}

maybe_awaitable<message> get_log(command_call cmd) {
    const auto which = cmd.subject_text();
    if (which != "*" && which != "global" && which != "startupWarnings")
        throw rpc_error(errc::invalid_argument, "getLog: no log '" + std::string(which) +
                                                    "', but global and startupWarnings");
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        if (which == "*") return d.add("names", strings{"global", "startupWarnings"});
        d.add("totalLinesWritten", 0);
        d.add("log", strings());
    });
}

maybe_awaitable<message> host_info(command_call cmd) {
    const auto names = system_names();
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        bson::document_writer system(d, "system");
        system.add("currentTime", std::chrono::system_clock::now());
        system.add("hostname", names.nodename);
        system.add("cpuAddrSize", static_cast<std::int32_t>(8 * sizeof(void*)));
        system.add("numCores", static_cast<std::int32_t>(std::thread::hardware_concurrency()));
        system.add("cpuArch", names.machine);
        system.finish();
        bson::document_writer os(d, "os");
        os.add("type", names.sysname);
        os.add("name", names.sysname);
        os.add("version", names.release);
        os.finish();
        bson::document_writer extra(d, "extra");
        extra.finish();
    });
}

maybe_awaitable<message> server_status(command_call cmd) {
    using namespace std::chrono;
    const auto up = steady_clock::now() - cmd.of.begun;
    const auto& all = *cmd.of.registry;
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        d.add("host", system_names().nodename);
        d.add("version", mongodb_version);
        d.add("process", "oocrpc");
        d.add("pid", static_cast<std::int64_t>(getpid()));
        d.add("uptime", std::chrono::duration<double>(up).count());
        d.add("uptimeMillis", static_cast<std::int64_t>(duration_cast<milliseconds>(up).count()));
        d.add("localTime", system_clock::now());
        bson::document_writer metrics(d, "metrics");
        bson::document_writer cursors(metrics, "cursor");
        bson::document_writer open(cursors, "open");
        open.add("total", static_cast<std::int64_t>(all.cursors.size()));
        open.finish();
        cursors.finish();
        metrics.finish();
        bson::document_writer ours(d, "oocrpc");
        ours.add("version", oocrpc::version);
        ours.add("suspended", static_cast<std::int64_t>(all.calls.size()));
        ours.finish();
    });
}

maybe_awaitable<message> free_monitoring(command_call cmd) {
    return reply_with(cmd.c, [](bson::document_writer& d) { d.add("state", "disabled"); });
}

maybe_awaitable<message> unknown(command_call cmd) {
    return no_such_command(cmd.name());
}

} // namespace oocrpc::mongodb
