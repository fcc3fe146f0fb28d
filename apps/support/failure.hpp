#pragma once

#include <stdexcept>
#include <string>

namespace oocrpc::apps {

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

} // namespace oocrpc::apps
