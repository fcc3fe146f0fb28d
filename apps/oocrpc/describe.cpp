#include <memory>

#include <oocrpc/built_in.hpp>
#include <oocrpc/client.hpp>

#include "commands.hpp"
#include "output.hpp"
#include "signature.hpp"

namespace oocrpc::cli {
namespace {

struct describe_command {
    apps::destination server;
    std::optional<std::string> method;
    deadline when;
    bool as_json = false;
};

template <class T> void print_json(const T& value) {
    byte_buffer out;
    const auto t = bson::put(out, value);
    const bson::value_view view{t, out};
    print_value(view, layout::indented);
}

awaitable<exit_code> list(const describe_command& d) {
    const auto executor = co_await this_coro::executor;
    const client c(executor, d.server.url, d.server.how);
    auto method = built_in::list.with(d.when);
    const auto names = co_await c.call(std::move(method));
    if (d.as_json)
        print_json(names);
    else
        for (const auto& name : names) print_line(name);
    co_return exit_code::ok;
}

awaitable<exit_code> describe(const describe_command& d) {
    const auto executor = co_await this_coro::executor;
    const client c(executor, d.server.url, d.server.how);
    auto method = built_in::describe.with(d.when);
    const auto found = co_await c.call(std::move(method), d.method);
    if (d.as_json)
        print_json(found);
    else
        for (const auto& m : found) print_line(signature(m));
    co_return exit_code::ok;
}

} // namespace

void add_list(CLI::App& program, command& chosen) {
    auto& sub = *program.add_subcommand("list", "Print the names of a server's methods.");
    auto d = std::make_shared<describe_command>();
    add_server(sub, d->server);
    add_timeout(sub, d->when);
    sub.add_flag("--json", d->as_json, "an array in JSON");
    sub.callback([d, &chosen] {
        d->server.find_password();
        chosen = [d] { return list(*d); };
    });
}

void add_describe(CLI::App& program, command& chosen) {
    auto& sub = *program.add_subcommand("describe", "Print what methods take and return.");
    auto d = std::make_shared<describe_command>();
    add_server(sub, d->server);
    sub.add_option_function<std::string>(
        "METHOD", [d](const std::string& name) { d->method = as_typed(name); }, "only this one");
    add_timeout(sub, d->when);
    sub.add_flag("--json", d->as_json, "an array of descriptions in JSON");
    sub.callback([d, &chosen] {
        d->server.find_password();
        chosen = [d] { return describe(*d); };
    });
}

} // namespace oocrpc::cli
