#pragma once

#include <string>

#include "host/exit.hpp"

namespace oocrpc::proxy {

/// Gives `command` the options of the proxy, and makes it what is chosen when it is parsed. `name`
/// is what the ready line begins with.
void add_command(CLI::App& command, host::command& chosen, std::string name = "oocrpcd proxy");

} // namespace oocrpc::proxy
