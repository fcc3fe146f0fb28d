#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
}

namespace host {

// How programs end where they cannot do their work (sysexits.h).
inline constexpr int usage_error = 64;
inline constexpr int no_input = 66;
inline constexpr int unavailable = 69;
inline constexpr int software_error = 70;
inline constexpr int no_permission = 77;
inline constexpr int bad_configuration = 78;

/// What ends a program: one line for a person that says what and where, and the exit code.
class failure : public std::runtime_error {
  public:
    failure(int code, const std::string& line) : std::runtime_error(line), code_(code) {}
    int code() const noexcept { return code_; }

  private:
    int code_;
};

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
