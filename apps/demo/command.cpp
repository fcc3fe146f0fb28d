#include "command.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <oocrpc/layers.hpp>

#include "conformance.hpp"
#include "host/host.hpp"

namespace demo {
namespace {

struct demo_options {
    host::options host;
    bool log_calls = false;
};

void log_call(const oocrpc::call_record& r) {
    const auto ms = std::chrono::duration<double, std::milli>(r.took).count();
    if (r.error.empty())
        spdlog::info("{} {} {:.3f} ms", r.peer, r.method, ms);
    else
        spdlog::info("{} {} {:.3f} ms {}: {}", r.peer, r.method, ms, r.error, r.detail);
}

int run(demo_options how) {
    const conformance service;
    service.watch(how.host.server);
    return host::run(how.host, [&](host::loop&) {
        return how.log_calls ? oocrpc::logged(service.handler(), log_call) : service.handler();
    });
}

} // namespace

void add_command(CLI::App& command, host::command& chosen) {
    auto how = std::make_shared<demo_options>();
    how->host.name = "oocrpcd demo";
    host::add_options(command, how->host);
    command.get_option("--listen")->required();
    command.add_flag("--log-calls", how->log_calls, "Log every call on stderr");
    command.callback([how, &chosen] { chosen = [how] { return run(*how); }; });
}

} // namespace demo
