#pragma once

#include <span>
#include <string>
#include <string_view>

#include <oocrpc/option.hpp>

namespace host {

// The tables that command lines, environment, files, help, man pages and completions are made from.

/// What a program does beside serving: --list, --check, --man and so on. Only on the command line.
std::span<const oocrpc::option> program_options();
/// How the process runs: daemon, privileges, threads, logs. Keys of [host] in a file.
std::span<const oocrpc::option> host_options();
/// How a plugin serves: --listen and the limits. Beside the options of every plugin that does.
std::span<const oocrpc::option> serving_options();
/// Of the command `user`. Only on the command line.
std::span<const oocrpc::option> user_options();
/// What `user` does, in the order of its help: `add`, `list` and so on.
std::span<const std::string_view> user_actions();
inline constexpr std::string_view user_command = "user";
inline constexpr auto user_description = "Adds, removes and lists users, and sets passwords";

/// Whether the process leaves the terminal: --daemon, unless --nodaemon.
bool becomes_daemon(const oocrpc::option_values& host);
/// Where the pid file goes; empty: there is none. A daemon has one unless told otherwise,
/// `oocrpcd.pid` in its directory.
std::string pid_file_path(const oocrpc::option_values& host);

/// The variable of an option: OOCRPC_DRAIN_TIMEOUT. That of plugin-dir is OOCRPC_PLUGIN_PATH.
std::string variable_of(std::string_view option);

} // namespace host
