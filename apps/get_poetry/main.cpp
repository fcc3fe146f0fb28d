// Poems from many servers at once.

#include <CLI/CLI.hpp>

#include <oocrpc/version.hpp>

#include "run.hpp"

int main(int argc, char** argv) {
    CLI::App program("Downloads poems from all servers at once and prints them as they come.",
                     "get-poetry");
    program.set_version_flag("--version", "get-poetry " + std::string(oocrpc::version));

    host::command chosen;
    get_poetry::add_options(program, chosen);
    return host::main(program, argc, argv, chosen);
}
