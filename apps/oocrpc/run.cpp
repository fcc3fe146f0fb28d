#include "run.hpp"

#include <iostream>

#include <support/interruptible.hpp>

#include "output.hpp"

namespace oocrpc::cli {
namespace {

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
    auto with_status = [&]() -> awaitable<int> { co_return static_cast<int>(co_await work()); };
    return apps::run_interruptible("oocrpc", with_status, [](const std::exception_ptr& error) {
        return static_cast<int>(report(error));
    });
}

int run(const local_command& work) {
    try {
        return static_cast<int>(work());
    } catch (...) {
        return static_cast<int>(report(std::current_exception()));
    }
}

} // namespace oocrpc::cli
