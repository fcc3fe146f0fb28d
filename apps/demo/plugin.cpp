#include "plugin.hpp"

#include <oocrpc/layers.hpp>

#include "conformance.hpp"

namespace demo {
namespace {

constexpr oocrpc::option options[] = {
    {.name = "log-calls", .type = oocrpc::option_type::flag, .help = "Log every call"},
};

void log_call(oocrpc::plugin_host& host, const oocrpc::call_record& r) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(r.took).count();
    oocrpc::log_fields fields{{"method", r.method}, {"peer", r.peer}, {"us", std::to_string(us)}};
    if (!r.error.empty()) fields.emplace_back("error", r.error);
    if (!r.detail.empty()) fields.emplace_back("detail", r.detail);
    host.log(oocrpc::log_level::info, "call", std::move(fields));
}

std::unique_ptr<oocrpc::component> make(oocrpc::plugin_host& host) {
    const conformance service;
    oocrpc::serve_options how;
    service.watch(how.server);
    auto serve = service.handler();
    if (host.options().flag("log-calls"))
        serve = oocrpc::logged(std::move(serve),
                               [&host](const oocrpc::call_record& r) { log_call(host, r); });
    return host.serve(std::move(serve), std::move(how));
}

} // namespace

const oocrpc::plugin plugin{
    oocrpc::plugin_abi, "demo", "The conformance service", options, true, make};

} // namespace demo
