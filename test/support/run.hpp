#pragma once

#include "test.hpp"

#include <asio/executor_work_guard.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/error.hpp>
#include <stdexcept>
#include <type_traits>

namespace oocrpc::test {

/// How far virtual time may go in one case: a case that needs more is waiting for nothing.
inline constexpr auto run_limit = std::chrono::minutes(2);

/// Thrown by run(): the case does not end, or leaves something behind.
struct stuck : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

/// Runs what is ready; where nothing is, gives real input and output one second to happen.
inline bool progress(asio::io_context& io, clock& time) {
    bool some = false;
    while (io.poll() > 0) some = true;
    return some || time.advance_to_next() || io.run_one_for(std::chrono::seconds(1)) > 0;
}

inline void drive(asio::io_context& io, awaitable<void> main) {
    auto& time = clock::of(io);
    time.use_virtual();
    auto limit = time.now() + run_limit;
    bool done = false;
    std::exception_ptr error;
    asio::co_spawn(io, std::move(main), [&](std::exception_ptr e) {
        done = true;
        error = e;
    });
    auto working = asio::make_work_guard(io);
    while (!done) {
        if (!progress(io, time)) throw stuck("nothing is left that could end this case: deadlock");
        if (time.now() > limit) throw stuck("this case went beyond the limit of virtual time");
    }
    working.reset();
    io.restart();
    while (io.poll() > 0) {
    }
    if (error) std::rethrow_exception(error);
    if (time.armed() != 0) throw stuck("a timer was left armed");
    if (!io.stopped()) throw stuck("work was left in the loop");
}

} // namespace detail

/// Runs one coroutine to its end on a new loop with a virtual clock: what every case that awaits
/// is wrapped in. `f` is `awaitable<void>()` or `awaitable<void>(asio::io_context&, clock&)`.
///
/// Fails the case if the coroutine throws, if nothing is left that could resume it, if virtual
/// time goes beyond run_limit, or if a timer or any work is left in the loop afterwards.
template <class F> void run(F f) {
    asio::io_context io;
    if constexpr (std::is_invocable_v<F&>)
        detail::drive(io, f());
    else
        detail::drive(io, f(io, clock::of(io)));
}

} // namespace oocrpc::test
