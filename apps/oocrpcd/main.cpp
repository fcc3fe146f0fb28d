// The daemon: one program, one subcommand for each plugin.

#include "demo/plugin.hpp"
#include "host/command_line.hpp"
#include "poetry/plugin.hpp"
#include "proxy/plugin.hpp"
#include "transform/plugin.hpp"

int main(int argc, char** argv) {
    const host::program p{"oocrpcd", "Runs services of oocrpc, built in or from plugins"};
    const std::vector<const oocrpc::plugin*> built_in{&demo::plugin, &poetry::plugin,
                                                      &transform::plugin, &oocrpc::proxy::plugin};
    return host::main(p, built_in, argc, argv);
}
