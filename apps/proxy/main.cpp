// The proxy as a program of its own; `oocrpcd proxy` is the same.

#include <CLI/CLI.hpp>

#include <oocrpc/version.hpp>

#include "command.hpp"

int main(int argc, char** argv) {
    CLI::App app("Forwards calls, and serves repeated ones from memory.", "oocrpc-proxy");
    app.set_version_flag("--version", "oocrpc-proxy " + std::string(oocrpc::version));

    host::command chosen;
    oocrpc::proxy::add_command(app, chosen, "oocrpc-proxy");
    return host::main(app, argc, argv, chosen);
}
