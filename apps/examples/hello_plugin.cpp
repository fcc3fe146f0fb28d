// A plugin for oocrpcd, on one page. Compile it against the installed headers alone, since it uses
// the library that is inside the host, and with the compiler that the host was built with:
//
//     g++ -std=c++20 -shared -fPIC $(pkg-config --cflags oocrpc) hello_plugin.cpp -o plugins/hello.so
//     oocrpcd --plugin-dir plugins hello --greeting Ahoy --listen oocrpc://127.0.0.1:9001
//     oocrpc call oocrpc://127.0.0.1:9001 hello.greet '"world"'

#include <oocrpc/component_group.hpp>
#include <oocrpc/components.hpp>
#include <oocrpc/plugin.hpp>
#include <oocrpc/service.hpp>

namespace {

constexpr oocrpc::option options[] = {
    {.name = "greeting", .help = "What is said first", .fallback = "Hello"},
    {.name = "every",
     .type = oocrpc::option_type::duration,
     .help = "Also write it to the log, as often as that",
     .least = 0.001},
};

std::unique_ptr<oocrpc::component> make(oocrpc::plugin_host& host) {
    const auto greeting = host.options().text("greeting");
    if (greeting.empty()) throw std::invalid_argument("--greeting: there is nothing to say");

    oocrpc::service hello("hello");
    hello.on(oocrpc::method<std::string(std::string)>("hello.greet", {"name"}),
             [greeting](const std::string& name) { return greeting + ", " + name + "!"; });
    if (!host.options().has("every")) return host.serve(hello);

    auto group = std::make_unique<oocrpc::component_group>(host.name());
    group->add<oocrpc::timer_component>("greeter", host.options().duration("every"),
                                        [&host, greeting]() -> oocrpc::awaitable<void> {
                                            host.log(oocrpc::log_level::info, greeting);
                                            co_return;
                                        });
    oocrpc::serve_options how;
    how.name = "server";
    group->add(host.serve(hello, std::move(how)));
    return group;
}

} // namespace

extern "C" const oocrpc::plugin oocrpc_plugin{
    oocrpc::plugin_abi, "hello", "Says hello", options, true, make};
