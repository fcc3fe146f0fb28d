// The proxy as a program of its own; `oocrpcd proxy` is the same.

#include "host/command_line.hpp"
#include "plugin.hpp"

int main(int argc, char** argv) {
    host::program p{"oocrpc-proxy", "Forwards calls, and serves repeated ones from memory"};
    p.flat = true;
    p.without = {"list", "threads", "plugin-dir"}; // one thread serves the proxy
    return host::main(p, {&oocrpc::proxy::plugin}, argc, argv);
}
