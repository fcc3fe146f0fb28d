#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/component.hpp>

#include "plugins.hpp"

namespace host {

/// What one component of the tree is made from.
struct component_settings {
    std::string name; ///< unique in the tree
    const oocrpc::plugin* of = nullptr;
    oocrpc::option_values values; ///< of the plugin's options, and the serving options
    oocrpc::failure_policy policy = {};
    std::string file = {}; ///< the plugin's; empty: built in
};

/// Valid values of everything that can be configured. Views the tables of the plugins.
struct settings {
    oocrpc::option_values host; ///< of host_options()
    std::vector<component_settings> components;
};

/// The value of a variable of the environment; null where it is not set.
using environment = std::function<const char*(const std::string& name)>;
const char* process_environment(const std::string& name);

/// An option as the command line gave it.
struct given_option {
    std::string name;
    std::vector<std::string> values;
};

enum class action { run, list, check, show_config, man, completion };

/// What a command line asks for.
struct request {
    action what = action::run;
    std::string program;                  ///< its name, for the ready line and logs
    const known_plugin* plugin = nullptr; ///< null: the tree that the file describes
    std::string config;                   ///< the file, as it was written; empty: none
    std::string shell;                    ///< of `completion`
    std::vector<given_option> host;       ///< options of the host
    std::vector<given_option> component;  ///< options of the plugin
    std::vector<oocrpc::option> offered;  ///< what the program has of host_options()
    environment variables = process_environment;
    /// What relative paths are relative to, as a daemon leaves that directory.
    std::filesystem::path started_in = std::filesystem::current_path();
};

/// The settings by command line, environment, file and defaults, in this order; at SIGHUP once
/// more, with what the file says then.
///
/// Loads the plugins of `plugin-dir` into `known`. The environment speaks for the host, and for the
/// plugin where there is one only; of several values in it, blanks stand between them, colons in
/// OOCRPC_PLUGIN_PATH. Variables that nobody knows are left alone, as others may set them.
///
/// Throws failure: usage_error for the command line and for what is missing, no_input for a file
/// that cannot be read, else bad_configuration with `FILE:LINE:COLUMN: what is wrong`.
settings load(const request& from, plugins& known);

/// Where plugins are, as far as the command line or the environment says so.
std::vector<std::string> plugin_directories(const request& from);

} // namespace host
