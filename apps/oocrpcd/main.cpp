// The daemon: one program, one subcommand for each plugin.

#include "demo/plugin.hpp"
#include "host/command_line.hpp"
#include "poetry/plugin.hpp"
#include "proxy/plugin.hpp"

int main(int argc, char** argv) {
    const host::program p{"oocrpcd", "Runs services of oocrpc, built in or from plugins"};
    return host::main(p, {&demo::plugin, &poetry::plugin, &oocrpc::proxy::plugin}, argc, argv);
}
