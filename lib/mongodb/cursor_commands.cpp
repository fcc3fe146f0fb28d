// getMore and killCursors: on whatever connection of the client that opened the cursor.

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "cursors.hpp"
#include "pass_on.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

[[noreturn]] void not_found(std::int64_t number) {
    throw rpc_error(errc::cursor_not_found, "cursor id " + std::to_string(number) + " not found");
}

std::shared_ptr<cursor> find_cursor(const layer& of, std::int64_t number) {
    return std::dynamic_pointer_cast<cursor>(of.registry->cursors.find(number));
}

/// Whether the caller is the client that opened it: by its user, and its session, else its host.
bool is_owner(const command_call& cmd, const cursor& which) {
    if (which.terms().user != cmd.c.user()) return false;
    const auto lsid = cmd.find("lsid");
    const auto& bound = which.terms().lsid;
    if (bound.t != bson::type::null) return lsid && *lsid == bson::value_view(bound);
    return which.terms().host == host_of(cmd.c.info().address);
}

/// Throws where it is another client's, of another collection than the command names, or of a
/// method that is the caller's no more.
void require_own(const command_call& cmd, const cursor& which, std::int64_t number) {
    if (!is_owner(cmd, which)) not_found(number);
    const auto collection = cmd.find("collection");
    if (!collection || collection->t != bson::type::string)
        wrong_type("collection", "string", collection.value_or(absent));
    if (const auto ns = cmd.within(collection->as_string()); ns != which.terms().ns)
        throw rpc_error(errc::permission_denied, "collection: cursor id " + std::to_string(number) +
                                                     " belongs to '" + which.terms().ns +
                                                     "', not '" + ns + "'");
    if (!which.terms().method.empty()) require_role(cmd, which.terms().method);
}

batch_request read_request(const command_call& cmd) {
    batch_request ask;
    ask.first = false;
    const auto size = cmd.integer("batchSize").value_or(0);
    require_batch_size(size);
    ask.size = size ? size : cmd.of.options.default_batch;
    const auto wait = cmd.integer("maxTimeMS").value_or(0);
    if (wait < 0) throw rpc_error(errc::invalid_argument, "maxTimeMS: expected 0 or more");
    if (wait > 0) {
        const auto now = clock::of(cmd.c.executor()).now();
        const auto span = std::chrono::milliseconds(wait);
        ask.until = call_deadline::after(span, now, deadline_origin::caller).at;
    }
    return ask;
}

/// Kills the cursor where the caller may. The session of another client does not save it from a
/// client on the same host that knows its number: drivers also kill without naming a session.
bool kill(const command_call& cmd, std::int64_t number) {
    const auto found = find_cursor(cmd.of, number);
    if (!found) return false;
    const bool same_host =
        found->terms().user == cmd.c.user() && found->terms().host == host_of(cmd.c.info().address);
    if (!same_host && !is_owner(cmd, *found)) return false;
    return cmd.of.registry->cursors.remove(number);
}

/// It may be a cursor of the server behind a proxy.
awaitable<message> get_more_elsewhere(command_call cmd, std::int64_t number) {
    auto there = co_await pass_on(cmd);
    if (!there) not_found(number);
    co_return std::move(*there);
}

awaitable<message> kill_elsewhere(command_call cmd, message killed_here) {
    auto there = co_await pass_on(cmd);
    co_return std::move(there ? *there : killed_here);
}

} // namespace

maybe_awaitable<message> get_more(command_call cmd) {
    const auto number = strict_integer(cmd.subject());
    if (!number) wrong_type("getMore", "int64", cmd.subject());
    auto from = find_cursor(cmd.of, *number);
    if (!from) {
        cmd.call.own();
        return get_more_elsewhere(std::move(cmd), *number);
    }
    require_own(cmd, *from, *number);
    return next_batch(cmd.of, cmd.c, std::move(from), read_request(cmd));
}

maybe_awaitable<message> kill_cursors(command_call cmd) {
    const auto all = cmd.find("cursors");
    if (!all || all->t != bson::type::array) wrong_type("cursors", "array", all.value_or(absent));
    std::vector<std::int64_t> killed, missing;
    for (const auto& e : bson::elements(all->as_document())) {
        const auto number = strict_integer(e.value);
        if (!number) wrong_type("cursors", "int64", e.value);
        (kill(cmd, *number) ? killed : missing).push_back(*number);
    }
    const std::vector<std::int64_t> none;
    auto reply = reply_with(cmd.c, [&](bson::document_writer& d) {
        d.add("cursorsKilled", killed);
        d.add("cursorsNotFound", missing);
        d.add("cursorsAlive", none);
        d.add("cursorsUnknown", none);
    });
    if (!killed.empty() || missing.empty()) return reply;
    cmd.call.own();
    reply.own();
    return kill_elsewhere(std::move(cmd), std::move(reply));
}

} // namespace oocrpc::mongodb
