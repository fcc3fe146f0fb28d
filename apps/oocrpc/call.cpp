#include <memory>

#include <oocrpc/built_in.hpp>
#include <oocrpc/client.hpp>

#include "arguments.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace oocrpc::cli {
namespace {

struct call_command {
    apps::destination server;
    std::string method;
    bson::value arguments;
    call_options options;
    bool compact = false;
};

// A call that is left early, by an error or by a signal, is cancelled over there.
struct cancel_on_exit {
    std::shared_ptr<message_stream> answer;
    ~cancel_on_exit() { answer->cancel(); }
};

// Whether the server says that `name` streams. Where it does not say, it does not.
awaitable<bool> streams(const client& c, std::string name) {
    const std::chrono::seconds patience(2);
    try {
        auto describe = built_in::describe.with(deadline(patience));
        const auto found = co_await c.call(std::move(describe), std::move(name));
        co_return !found.empty() && found.front().streams;
    } catch (const rpc_error& e) {
        if (e.code() == errc::cancelled) throw;
    }
    co_return false;
}

// The end after no item: a result, or a stream without items, which looks like the result null.
awaitable<void> print_result(const client& c, const call_command& call, message end) {
    if (present(end.body) && end.body.t != bson::type::null)
        co_return print_value(end.body, call.compact ? layout::compact : layout::indented);
    const bool empty_stream = co_await streams(c, call.method);
    if (!empty_stream) print_line("null");
}

awaitable<exit_code> make_call(const call_command& call) {
    const auto executor = co_await this_coro::executor;
    client c(executor, call.server.url, call.server.how);
    auto request = message::call(call.method, call.arguments);
    auto options = call.options;
    // Every method may be called as one that streams; the answer tells whether it does.
    const auto answer = co_await c.open(std::move(request), std::move(options));
    const cancel_on_exit guard{answer};
    for (bool first = true;; first = false) {
        message next = co_await answer->next();
        if (next.fault) throw next.to_exception();
        if (next.kind == message_kind::item) {
            print_value(next.body, layout::compact);
            continue;
        }
        if (first) co_await print_result(c, call, std::move(next));
        co_return exit_code::ok;
    }
}

} // namespace

void add_call(CLI::App& program, command& chosen) {
    auto& sub = *program.add_subcommand("call", "Call a method and print its result as JSON.");
    auto call = std::make_shared<call_command>();
    auto named = std::make_shared<std::string>();
    add_server(sub, call->server);
    add_method(sub, call->method);
    auto* words = add_words(sub);
    auto* has_named =
        sub.add_option("--named", *named, "named arguments: an object in JSON")->type_name("JSON");
    add_timeout(sub, call->options.when);
    auto* meta = sub.add_option("--meta")
                     ->description("metadata of the call; may be repeated")
                     ->type_name("NAME=TEXT")
                     ->type_size(1)
                     ->expected(1)
                     ->allow_extra_args(false)
                     ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    sub.add_flag("--compact", call->compact, "the result on one line; a stream's items always are");
    sub.footer("A stream prints one line for each item, as it comes. A method without result\n"
               "prints null; a stream without items prints nothing.");
    sub.callback([=, &chosen] {
        const auto object = has_named->count() ? std::optional(as_typed(*named)) : std::nullopt;
        call->arguments = encode_arguments(as_typed(words->results()), object);
        call->options.meta = parse_metadata(as_typed(meta->results()));
        call->server.find_password();
        chosen = [call] { return make_call(*call); };
    });
}

} // namespace oocrpc::cli
