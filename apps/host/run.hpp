#pragma once

#include "settings.hpp"

namespace host {

/// Runs what was asked for until it is told to stop, and returns the exit code. Throws failure and
/// rpc_error as host::main() understands them.
int run(const request& what, plugins& known);

} // namespace host
