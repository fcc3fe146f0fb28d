#pragma once

#include <exception>
#include <functional>
#include <string>

#include <oocrpc/asio.hpp>

namespace oocrpc::apps {

/// Runs a client program's work on this thread and returns the exit code: that of the work, or what
/// `report` says about the error that it threw.
///
/// SIGINT and SIGTERM cancel the work, so that its calls are cancelled over there; then
/// `PROGRAM: interrupted` is written to stderr and the code is 128 and the signal's number. A
/// second signal ends the process at once. What the work leaves behind, as a cancel that is being
/// written, gets at most 200 ms; after that the process ends here, and this function does not
/// return.
int run_interruptible(const std::string& program, const std::function<awaitable<int>()>& work,
                      const std::function<int(const std::exception_ptr&)>& report);

} // namespace oocrpc::apps
