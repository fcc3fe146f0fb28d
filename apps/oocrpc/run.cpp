#include "run.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>

#include <asio/signal_set.hpp>

#include "output.hpp"

namespace oocrpc::cli {
namespace {

constexpr std::chrono::milliseconds time_to_leave{200};

exit_code report(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const output_closed&) {
        return exit_code::ok;
    } catch (const rpc_error& e) {
        std::cerr << error_line(e) << std::endl;
        return exit_code_of(e);
    } catch (const data_error& e) {
        std::cerr << error_line(e) << std::endl;
        return exit_code::bad_data;
    } catch (const usage_error& e) {
        std::cerr << "oocrpc: " << e.what() << std::endl;
        return exit_code::usage;
    } catch (const std::system_error& e) {
        std::cerr << "oocrpc: " << e.what() << std::endl;
        return exit_code::io_error;
    } catch (const std::exception& e) {
        std::cerr << "oocrpc: " << e.what() << std::endl;
        return exit_code::failed;
    }
}

} // namespace

int run(const command& work) {
    asio::io_context loop(1);
    asio::cancellation_signal stop;
    int signal = 0;
    asio::signal_set signals(loop, SIGINT, SIGTERM);
    std::function<void(std::error_code, int)> on_signal = [&](std::error_code ec, int number) {
        if (ec) return;
        if (signal) std::_Exit(static_cast<int>(exit_code::interrupted) + number);
        signal = number;
        signals.async_wait(on_signal);
        stop.emit(asio::cancellation_type::terminal);
    };
    signals.async_wait(on_signal);

    std::optional<exit_code> code;
    asio::co_spawn(loop, work(),
                   asio::bind_cancellation_slot(
                       stop.slot(), [&](const std::exception_ptr& error, exit_code result) {
                           if (error && !(signal && is_cancelled(error)))
                               code = report(error);
                           else
                               code = result;
                           signals.cancel();
                       }));
    while (!code && loop.run_one()) {
    }
    loop.run_for(time_to_leave);

    if (signal) std::cerr << "oocrpc: interrupted" << std::endl;
    const int status = signal ? static_cast<int>(exit_code::interrupted) + signal
                              : static_cast<int>(code.value_or(exit_code::failed));
    if (!loop.stopped()) {
        // A name look-up may be under way in a thread that the loop would wait for.
        std::fflush(stdout);
        std::_Exit(status);
    }
    return status;
}

int run(const local_command& work) {
    try {
        return static_cast<int>(work());
    } catch (...) {
        return static_cast<int>(report(std::current_exception()));
    }
}

} // namespace oocrpc::cli
