#pragma once

#include <oocrpc/asio.hpp>
#include <oocrpc/unhandled.hpp>
#include <string>
#include <utility>
#include <vector>

namespace oocrpc::test {

/// What an exception says.
inline std::string what(const std::exception_ptr& e) {
    if (!e) return "";
    try {
        std::rethrow_exception(e);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown";
    }
}

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

/// Collects what goes to on_unhandled() while it lives.
struct unhandled_log {
    unhandled_log()
        : previous(on_unhandled([this](std::exception_ptr e, const std::source_location&) {
              errors.push_back(what(e));
          })) {}
    ~unhandled_log() { on_unhandled(std::move(previous)); }

    std::vector<std::string> errors;
    unhandled_function previous;
};

/// Lets everything run that is ready to.
inline awaitable<void> settle() {
    for (int i = 0; i < 20; ++i) co_await asio::post(asio::use_awaitable);
}

} // namespace oocrpc::test
