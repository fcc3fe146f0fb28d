#include "pass_on.hpp"

#include <algorithm>
#include <array>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "command_names.hpp"
#include "elements.hpp"
#include "methods.hpp"

namespace oocrpc::mongodb {
namespace {

// Sessions and transactions are agreed on with each server; the database and the deadline travel
// beside the command, but for getMore, where maxTimeMS is no deadline.
constexpr std::array<std::string_view, 9> of_this_server{
    "$db",       "$clusterTime",     "$readPreference", "$oocrpc",  "lsid",
    "txnNumber", "startTransaction", "autocommit",      "maxTimeMS"};

void write_for_another(bytes command, byte_buffer& out) {
    const bool get_more =
        has_elements(command) && bson::elements(command).begin()->name == "getMore";
    copy_document(command, out, [&](const bson::element& e) {
        return std::ranges::find(of_this_server, e.name) == of_this_server.end() ||
               (get_more && e.name == "maxTimeMS");
    });
}

/// Null where the inner handler describes none.
awaitable<std::shared_ptr<const known_method>> command_method(const layer& of, context& c,
                                                              std::string_view database) {
    auto name = commands_of(database);
    auto m = c.session<session>().find(name);
    if (!m) m = co_await resolve_exactly(of, c, std::move(name));
    if (!m->described) co_return nullptr;
    co_return m;
}

awaitable<std::optional<message>> pass_on(const layer& of, context& c, std::string_view database,
                                          bytes command) {
    auto to = co_await command_method(of, c, database);
    if (!to) co_return std::nullopt;
    byte_buffer document;
    write_for_another(command, document);
    const bson::value_view view{bson::type::document, document};
    auto answer = co_await invoke_all(of, c, std::move(to), view);
    answer.own();
    answer.raw = !answer.fault;
    co_return std::move(answer);
}

/// `{name: arguments}`, or the arguments beside `name: 1`.
void write_command(std::string_view name, bson::value_view arguments, byte_buffer& out) {
    bson::document_writer w(out);
    if (present(arguments) && arguments.t != bson::type::document)
        w.add(name, arguments);
    else
        w.add(name, 1);
    if (arguments.t == bson::type::document) out.append(elements_of(arguments.as_document()));
    w.finish();
}

} // namespace

awaitable<std::optional<message>> pass_on(const command_call& cmd) {
    return pass_on(cmd.of, cmd.c, cmd.database(), cmd.body());
}

awaitable<std::optional<message>> pass_on(const layer& of, context& c, const message& call) {
    const auto [database, name] = split_name(call.method);
    byte_buffer command;
    write_command(name, call.body, command);
    co_return co_await pass_on(of, c, database, command);
}

} // namespace oocrpc::mongodb
