#include "interruptible.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>

#include <asio/signal_set.hpp>

#include <oocrpc/error.hpp>

namespace oocrpc::apps {
namespace {

constexpr std::chrono::milliseconds time_to_leave{200};
constexpr int interrupted = 128; // plus the number of the signal

} // namespace

int run_interruptible(const std::string& program, const std::function<awaitable<int>()>& work,
                      const std::function<int(const std::exception_ptr&)>& report) {
    asio::io_context loop(1);
    asio::cancellation_signal stop;
    int signal = 0;
    asio::signal_set signals(loop, SIGINT, SIGTERM);
    std::function<void(std::error_code, int)> on_signal = [&](std::error_code ec, int number) {
        if (ec) return;
        if (signal) std::_Exit(interrupted + number);
        signal = number;
        signals.async_wait(on_signal);
        stop.emit(asio::cancellation_type::terminal);
    };
    signals.async_wait(on_signal);

    std::optional<int> code;
    auto ended = [&](const std::exception_ptr& error, int result) {
        code = error && !(signal && is_cancelled(error)) ? report(error) : result;
        signals.cancel();
    };
    asio::co_spawn(loop, work(), asio::bind_cancellation_slot(stop.slot(), ended));
    while (!code && loop.run_one()) {
    }
    loop.run_for(time_to_leave);

    if (signal) std::cerr << program << ": interrupted" << std::endl;
    const int status = signal ? interrupted + signal : code.value_or(1);
    if (!loop.stopped()) {
        // A name look-up may be under way in a thread that the loop would wait for.
        std::fflush(stdout);
        std::_Exit(status);
    }
    return status;
}

} // namespace oocrpc::apps
