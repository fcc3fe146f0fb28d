#pragma once

#include <functional>
#include <string>

#include "support/failure.hpp"

namespace CLI {
class App;
}

namespace host {

using oocrpc::apps::failure;

using oocrpc::apps::bad_configuration;
using oocrpc::apps::no_input;
using oocrpc::apps::no_permission;
using oocrpc::apps::software_error;
using oocrpc::apps::unavailable;
using oocrpc::apps::usage_error;

/// What the command line asks for; gives the exit code.
using command = std::function<int()>;

/// The main() of a program: reads the command line, which sets `chosen`, and runs that.
///
/// Whatever is thrown becomes one line on stderr and an exit code: a `failure` its own, errors of
/// the command line and rpc_error(invalid_argument) 64, `unavailable`, such as a port in use, 69.
int main(CLI::App& app, int argc, char** argv, const command& chosen);

/// The text of a file. Throws failure(no_input) that names it.
std::string read_file(const std::string& path);

} // namespace host
