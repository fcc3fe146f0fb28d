#pragma once

#include <vector>

#include <oocrpc/plugin.hpp>

#include "program.hpp"

namespace host {

/// The main() of a program that hosts plugins: reads the command line by the tables of options,
/// loads the plugins that it and the environment name, and does what it asks for.
///
/// Returns the exit code; what goes wrong is one line on stderr, as by host::main() of exit.hpp.
int main(const program& p, const std::vector<const oocrpc::plugin*>& built_in, int argc,
         char** argv);

} // namespace host
