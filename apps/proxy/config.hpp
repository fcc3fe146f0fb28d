#pragma once

#include <string>

namespace CLI {
class App;
}

namespace oocrpc::proxy {

/// Gives the options of `command` that were not given on the command line what the TOML file at
/// `path` says: keys are the names of options, `cache-bytes = "64MiB"`, a list for one that may be
/// repeated. The options --config, --help and --version have no key.
///
/// Throws host::failure: no_input where the file cannot be read, else bad_configuration with a line
/// `FILE:LINE:COLUMN: what is wrong`, for syntax, an unknown key or a bad value.
void read_config(CLI::App& command, const std::string& path);

} // namespace oocrpc::proxy
