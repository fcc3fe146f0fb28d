#pragma once

#include <functional>
#include <string>
#include <vector>

#include <oocrpc/server.hpp>

#include "exit.hpp"

namespace host {

/// How a daemon serves.
struct options {
    std::string name = "oocrpcd";    ///< in the ready line and the log
    std::vector<std::string> listen; ///< URLs
    unsigned threads = 1;            ///< each with an io_context and a server of its own
    std::string log_level = "info";
    oocrpc::server_options server; ///< port sharing is set by run()
    std::string hint;              ///< printed below the ready line
};

/// The first thread's loop, as a program finds it before anything is served.
class loop {
  public:
    virtual oocrpc::any_io_executor executor() = 0;
    /// Runs `work` beside the servers until the drain cancels it; the drain waits for it. It names
    /// `address` in the ready line, if it has one, and must accept there already. If it throws,
    /// the daemon drains and ends with code 70.
    virtual void beside(oocrpc::awaitable<void> work, std::string address = {}) = 0;
    /// Calls `f` on this loop after the drain, while the loop still runs: to close clients.
    virtual void at_end(std::function<void()> f) = 0;

  protected:
    ~loop() = default;
};

/// Prepares what a daemon needs and returns what it serves.
///
/// Called once, on the thread of run(), before anything listens. The handler is called on every
/// thread. What it throws ends run().
using setup = std::function<oocrpc::handler(loop&)>;

/// Serves until SIGINT or SIGTERM, drains, and returns the exit code.
///
/// Prints one line with `ready` and all addresses on stdout as soon as it accepts. With port 0 the
/// first thread picks and the others share the port; Unix sockets are served by the first thread
/// alone. A second signal ends the process at once with 130 or 143. Logs to stderr. Throws failure
/// and rpc_error as host::main() understands them.
int run(options how, const setup& prepare);

} // namespace host
