#include <memory>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/client.hpp>

#include "commands.hpp"
#include "output.hpp"

namespace oocrpc::cli {
namespace {

struct command_command {
    apps::destination server;
    std::string name; ///< of the database, `.$cmd` behind it
    byte_buffer document;
    call_options options;
    bool compact = false;
    bool canonical = false;
    bool unacknowledged = false;
};

// A command that is left early, by an error or by a signal, is cancelled over there.
struct cancel_on_exit {
    std::shared_ptr<message_stream> answer;
    ~cancel_on_exit() { answer->cancel(); }
};

message request_of(const command_command& c) {
    auto request = message::call(c.name, {bson::type::document, c.document});
    request.oneway = c.unacknowledged;
    return request;
}

void print(const command_command& c, bson::value_view v, layout how) {
    if (c.canonical) return print_line(bson::to_text(v, bson::json_mode::canonical));
    print_value(v, c.compact ? layout::compact : how);
}

awaitable<exit_code> send_only(const command_command& c) {
    const auto executor = co_await this_coro::executor;
    const client server(executor, c.server.url, c.server.how);
    auto request = request_of(c);
    auto options = c.options;
    const auto sent = co_await server.exchange(std::move(request), std::move(options));
    if (sent.fault) throw sent.to_exception();
    co_return exit_code::ok;
}

awaitable<exit_code> send(const command_command& c) {
    const auto executor = co_await this_coro::executor;
    const client server(executor, c.server.url, c.server.how);
    auto request = request_of(c);
    auto options = c.options;
    // The documents of a cursor come as a stream, any other reply as its end.
    const auto answer = co_await server.open(std::move(request), std::move(options));
    const cancel_on_exit guard{answer};
    for (;;) {
        message next = co_await answer->next();
        if (next.fault) throw next.to_exception();
        if (next.kind == message_kind::item) {
            print(c, next.body, layout::compact);
            continue;
        }
        // A proxy's own callers get it as a result like any other.
        if (next.body.t == bson::type::document) print(c, next.body, layout::indented);
        co_return exit_code::ok;
    }
}

byte_buffer encode(const std::string& text) {
    const auto value = json::parse(text, nullptr, false);
    if (value.is_discarded()) throw usage_error("DOCUMENT: '" + text + "' is not JSON");
    if (!value.is_object() || value.empty())
        throw usage_error("DOCUMENT: '" + text + "' is not an object that begins with a command");
    byte_buffer out;
    try {
        bson::put_document(out, value);
    } catch (const rpc_error& e) {
        throw usage_error("the document cannot be sent: " + e.detail());
    }
    return out;
}

} // namespace

void add_command(CLI::App& program, command& chosen) {
    auto& sub = *program.add_subcommand("command", "Send a MongoDB command and print its reply.");
    auto c = std::make_shared<command_command>();
    auto database = std::make_shared<std::string>();
    auto document = std::make_shared<std::string>();
    add_server(sub, c->server);
    sub.add_option("DB", *database, "the database, such as admin")->required();
    sub.add_option("DOCUMENT", *document, "the command, in JSON or Extended JSON")->required();
    add_timeout(sub, c->options.when);
    sub.add_flag("--compact", c->compact, "the reply on one line; documents always are");
    sub.add_flag("--canonical", c->canonical, "canonical Extended JSON, on one line");
    sub.add_flag("--unacknowledged", c->unacknowledged, "return once it is sent, without a reply");
    sub.footer("The documents of a cursor are printed one a line, to its end.");
    sub.callback([=, &chosen] {
        if (as_typed(*database).empty()) throw usage_error("DB: a name is missing");
        c->name = as_typed(*database) + ".$cmd";
        c->document = encode(as_typed(*document));
        c->server.find_password();
        chosen = [c] { return c->unacknowledged ? send_only(*c) : send(*c); };
    });
}

} // namespace oocrpc::cli
