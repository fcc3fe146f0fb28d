#pragma once

#include <oocrpc/asio.hpp>
#include <oocrpc/testing/run.hpp>
#include <oocrpc/testing/unhandled_log.hpp>
#include <utility>

namespace oocrpc::test {

using testing::settle;
using testing::unhandled_log;
using testing::what;

/// A coroutine that runs beside the test's own: with a signal to cancel it, and how it ended.
/// It must outlive what it started.
struct spawned {
    spawned() = default;
    spawned(const any_io_executor& ex, awaitable<void> body) { start(ex, std::move(body)); }

    void start(const any_io_executor& ex, awaitable<void> body) {
        asio::co_spawn(ex, std::move(body),
                       asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr e) {
                           done = true;
                           error = e;
                       }));
    }
    void cancel() { signal.emit(asio::cancellation_type::terminal); }

    asio::cancellation_signal signal;
    bool done = false;
    std::exception_ptr error;
};

} // namespace oocrpc::test
