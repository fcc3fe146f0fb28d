#pragma once

#include "host/exit.hpp"

namespace get_poetry {

/// Gives `program` its options; once they are parsed, `chosen` is what they ask for.
///
/// It returns 0 where every download succeeded, 1 where one failed, 74 where stdout cannot be
/// written, and 128 and the number of the signal where one ended it.
void add_options(CLI::App& program, host::command& chosen);

} // namespace get_poetry
