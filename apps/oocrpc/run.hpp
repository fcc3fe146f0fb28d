#pragma once

#include <functional>

#include <oocrpc/asio.hpp>

#include "exit_code.hpp"

namespace oocrpc::cli {

/// What a command does once its options are read.
using command = std::function<awaitable<exit_code>()>;

/// A command that needs no connection and waits only for stdin and stdout.
using local_command = std::function<exit_code()>;

/// Runs a command on this thread and returns the exit code of the program.
///
/// Errors are reported on stderr, one line each. SIGINT and SIGTERM cancel the command, so that its
/// calls are cancelled over there, and the code is 128 and the signal's number (130 for SIGINT).
/// A second signal ends the process at once.
/// What it leaves behind, as a cancel that is being written, gets at most 200 ms; after that the
/// process ends here, and run() does not return.
int run(const command& work);

/// The same for a local command; a signal ends the process as it always does.
int run(const local_command& work);

} // namespace oocrpc::cli
