#include "pass_on.hpp"

#include <algorithm>
#include <array>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "elements.hpp"

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

} // namespace

awaitable<std::shared_ptr<const known_method>> command_method(const layer& of, context& c,
                                                              std::string_view database) {
    std::string name(database);
    name += ".$cmd";
    auto m = c.session<session>().find(name);
    if (!m) m = co_await resolve_exactly(of, c, std::move(name));
    if (!m->described) co_return nullptr;
    co_return m;
}

awaitable<message> pass_on(const layer& of, context& c, std::shared_ptr<const known_method> to,
                           bytes command) {
    byte_buffer document;
    write_for_another(command, document);
    const bson::value_view view{bson::type::document, document};
    auto answer = co_await invoke_all(of, c, std::move(to), view);
    answer.own();
    answer.raw = !answer.fault;
    co_return answer;
}

void write_command(const message& call, byte_buffer& out) {
    const auto name = call.method.substr(call.method.find('.') + 1);
    bson::document_writer w(out);
    if (call.body.t == bson::type::document) {
        w.add(name, 1);
        for (const auto& e : bson::elements(call.body.as_document())) w.add(e.name, e.value);
    } else if (present(call.body)) {
        w.add(name, call.body);
    } else {
        w.add(name, 1);
    }
    w.finish();
}

} // namespace oocrpc::mongodb
