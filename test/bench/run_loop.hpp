#pragma once
// For the clients that run on Asio.

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "bench_client.hpp"

namespace bench {

/// Runs `loop` for so long. Its own run_for() starts anew for each handler, and forgets the memory
/// that it keeps for the next one.
inline void run_loop(asio::io_context& loop, clock::duration span) {
    asio::steady_timer end(loop, span);
    end.async_wait([&](std::error_code) { loop.stop(); });
    loop.run();
    loop.restart();
}

} // namespace bench
