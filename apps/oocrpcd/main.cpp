// The daemon: one program, one subcommand for each service.

#include <CLI/CLI.hpp>

#include <oocrpc/version.hpp>

#include "demo/command.hpp"
#include "host/exit.hpp"
#include "poetry/command.hpp"
#include "proxy/command.hpp"

int main(int argc, char** argv) {
    CLI::App app("Serves over oocrpc.", "oocrpcd");
    app.set_version_flag("--version", "oocrpcd " + std::string(oocrpc::version));
    app.require_subcommand(1);

    host::command chosen;
    demo::add_command(*app.add_subcommand("demo", "The conformance service"), chosen);
    poetry::add_command(*app.add_subcommand("poetry", "Poems, on request"), chosen);
    oocrpc::proxy::add_command(*app.add_subcommand("proxy", "A proxy that caches"), chosen);
    return host::main(app, argc, argv, chosen);
}
