#pragma once

#include "host/exit.hpp"

namespace demo {

/// Gives `command` the options of the demo daemon, and makes it what is chosen when it is parsed.
void add_command(CLI::App& command, host::command& chosen);

} // namespace demo
