#pragma once

#include "host/exit.hpp"

namespace poetry {

/// Gives `command` the options of the poetry daemon, and makes it what is chosen when it is parsed.
void add_command(CLI::App& command, host::command& chosen);

} // namespace poetry
