#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <oocrpc/handler.hpp>

namespace oocrpc {

/// A call that has ended, as `logged` tells it.
struct call_record {
    std::string method;
    std::string peer;
    std::chrono::nanoseconds took{0};
    std::string error; ///< empty: it succeeded; else the error's identifier
    std::string detail;
};

// Layers: a handler in, a handler out. They stack, `logged(limited(service, 100), log)`, and over a
// plain function the stack stays a plain call. What an inner handler throws passes through them.

/// Tells `log` of each call when it ends, on the connection's executor.
handler logged(handler inner, std::function<void(const call_record&)> log);

/// Lets `most` calls run, over all connections and threads that share the handler, and `waiting`
/// more wait for their turn, the first that came first; others are `overloaded`, at once and
/// unbegun. A cancelled call counts until it has stopped, one that waits leaves at once. Calls that
/// are answered at once are not counted, only begun or refused as the others are. The last eighth
/// of both numbers is kept for addresses that have less than an eighth; see connection_counts for
/// what an address is.
handler limited(handler inner, std::size_t most, std::size_t waiting = 0);

/// Gives each call at most `span`: the error says that the deadline was the server's.
handler with_timeout(handler inner, std::chrono::milliseconds span);

} // namespace oocrpc
