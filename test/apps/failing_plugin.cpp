// A component that fails when it is told to, for daemon_test.py.

#include <oocrpc/component_group.hpp>
#include <oocrpc/components.hpp>
#include <oocrpc/plugin.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/service.hpp>

namespace {

using failure = std::shared_ptr<oocrpc::promise<void>>;

oocrpc::awaitable<void> until_told(failure told) {
    *told = {};
    co_await told->wait();
}

std::unique_ptr<oocrpc::component> make(oocrpc::plugin_host& host) {
    auto told = std::make_shared<oocrpc::promise<void>>();
    oocrpc::service methods("failing");
    methods.on(oocrpc::method<void()>("failing.fail"),
               [told] { told->fail(std::runtime_error("told to fail")); });
    auto group = std::make_unique<oocrpc::component_group>(host.name());
    group->add<oocrpc::task_component>("task", [told] { return until_told(told); });
    oocrpc::serve_options how;
    how.name = "server";
    how.all_threads = false;
    group->add(host.serve(methods, std::move(how)));
    return group;
}

} // namespace

extern "C" const oocrpc::plugin oocrpc_plugin{
    oocrpc::plugin_abi, "failing", "Fails when it is told to", {}, true, make};
