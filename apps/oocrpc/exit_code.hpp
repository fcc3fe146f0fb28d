#pragma once

#include <stdexcept>
#include <string>

#include <oocrpc/error.hpp>

namespace oocrpc::cli {

/// How the program ends; the numbers of sysexits.h and of timeout(1) where they have one.
enum class exit_code : int {
    ok = 0,
    failed = 1,       ///< the remote side answered an error
    usage = 64,       ///< the command line is wrong
    bad_data = 65,    ///< what is on stdin is not what it should be
    unavailable = 69, ///< no connection, or it was lost
    io_error = 74,    ///< stdin cannot be read or stdout written
    protocol = 76,    ///< the other side does not speak the protocol
    no_login = 77,    ///< the login failed, or the server wants one
    deadline = 124,   ///< the deadline passed
};

/// The command line is wrong; the text says what and where, in one line.
struct usage_error : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// What stdin has is wrong; the text says where and what.
struct data_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What a failed call means for the program's exit code, wherever it failed.
exit_code exit_code_of(const rpc_error& e) noexcept;

/// The line that reports `e`: `oocrpc: message: detail`, without the newline. What the other side
/// wrote cannot add lines or drive the terminal: control characters appear escaped.
std::string error_line(const rpc_error& e);
std::string error_line(const data_error& e);

} // namespace oocrpc::cli
