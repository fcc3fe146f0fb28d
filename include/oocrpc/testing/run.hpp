#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include <oocrpc/asio.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/testing/memory_network.hpp>

namespace oocrpc::testing {

/// How far virtual time may go in one case: a case that needs more is waiting for nothing.
inline constexpr auto default_limit = std::chrono::minutes(2);
/// How many handlers may run in one case while virtual time stands still: more is a livelock.
inline constexpr std::size_t spin_limit = 1'000'000;
/// How long, of real time, a case may wait for the system where no timer is armed.
inline constexpr auto system_limit = std::chrono::seconds(5);

/// Thrown by run(): the case does not end, or leaves something behind.
struct stuck : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

using body = std::function<awaitable<void>(asio::io_context&, memory_network&)>;
void run_case(body f, duration limit);

} // namespace detail

/// Runs one coroutine to its end on a new loop: what every case that awaits is wrapped in.
///
/// `f` is `awaitable<void>()`, `awaitable<void>(memory_network&)` or
/// `awaitable<void>(asio::io_context&, clock&)`. The loop's clock is virtual and jumps to the next
/// timer whenever nothing else is left to do; its network is in memory.
///
/// Throws what `f` throws. Throws `stuck`, which says where, if nothing is left that could resume
/// `f`, if virtual time goes more than `limit` beyond where it started, if the loop spins without
/// time passing, or if `f` leaves behind a task, an armed timer, a connection or listener of the
/// network in memory, an error that nobody received, or any other work in the loop. A connection
/// that is closed, and what has been cancelled, is given the turns of the loop that it needs, but
/// no time.
///
/// Time does not wait for the system: what other threads and processes do comes after the first
/// timer that is armed. What goes through sockets within the case is there at once.
template <class F> void run(F f, duration limit = default_limit) {
    detail::run_case(
        [&f](asio::io_context& io, memory_network& net) -> awaitable<void> {
            if constexpr (std::is_invocable_v<F&>)
                return f();
            else if constexpr (std::is_invocable_v<F&, memory_network&>)
                return f(net);
            else
                return f(io, clock::of(io));
        },
        limit);
}

/// Lets everything run that is ready to, for twenty turns of the loop; no time passes.
awaitable<void> settle();

} // namespace oocrpc::testing
