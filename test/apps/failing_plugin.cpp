// A component that fails when it is told to, also in start and stop, for daemon_test.py.

#include <oocrpc/component_group.hpp>
#include <oocrpc/components.hpp>
#include <oocrpc/plugin.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/service.hpp>

namespace {

constexpr oocrpc::option options[] = {
    {.name = "start", .help = "How", .fallback = "well", .choices = "well|hangs"},
    {.name = "stop", .help = "How", .fallback = "well", .choices = "well|throws|hangs"},
};

oocrpc::awaitable<void> behave(std::string how) {
    if (how == "throws") throw std::runtime_error("told to fail");
    oocrpc::promise<void> never;
    if (how == "hangs") co_await never.wait();
}

/// Starts and stops as its options say.
class stubborn final : public oocrpc::component {
  public:
    explicit stubborn(const oocrpc::option_values& how)
        : component("stubborn"),
          start_(how.text("start")),
          stop_(how.text("stop")) {}

  protected:
    oocrpc::awaitable<void> on_start() override { return behave(start_); }
    oocrpc::awaitable<void> on_stop() override { return behave(stop_); }

  private:
    std::string start_, stop_;
};

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
    group->add<stubborn>(host.options());
    oocrpc::serve_options how;
    how.name = "server";
    how.all_threads = false;
    group->add(host.serve(methods, std::move(how)));
    return group;
}

} // namespace

extern "C" const oocrpc::plugin oocrpc_plugin{
    oocrpc::plugin_abi, "failing", "Fails when it is told to", options, true, make};
