// Calls that are suspended, as MongoDB's operations: currentOp lists them, killOp cancels one.

#include <algorithm>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "command_names.hpp"
#include "cursors.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

/// A call while it is suspended.
struct suspended_call final : registered {
    suspended_call(context& call, std::string name)
        : registered(call.executor()),
          running(&call),
          method(std::move(name)),
          client(call.info().address),
          since(clock::of(call.executor()).now()) {}
    void end() override {
        if (running) running->cancel();
    }

    context* running; // until it has ended; used at home only
    const std::string method;
    const std::string client;
    const time_point since;
};

/// Keeps it listed.
struct listed {
    listed(call_registry& r, context& c, std::string method)
        : registry(r),
          call(std::make_shared<suspended_call>(c, std::move(method))),
          number(r.calls.add(call)) {}
    listed(const listed&) = delete;
    ~listed() {
        call->running = nullptr;
        registry.calls.forget(number);
    }

    call_registry& registry;
    const std::shared_ptr<suspended_call> call;
    const std::int64_t number;
};

void add_operation(bson::document_writer& d, std::int64_t number, const suspended_call& call,
                   time_point now) {
    using namespace std::chrono;
    const auto [database, name] = split_name(call.method);
    const auto took = std::max(duration_cast<microseconds>(now - call.since), microseconds::zero());
    d.add("type", "op");
    d.add("active", true);
    d.add("client", call.client);
    d.add("opid", number);
    d.add("op", "command");
    d.add("ns", commands_of(database));
    bson::document_writer command(d, "command");
    command.add(name, 1);
    command.add("$db", database);
    command.finish();
    d.add("secs_running", static_cast<std::int64_t>(duration_cast<seconds>(took).count()));
    d.add("microsecs_running", static_cast<std::int64_t>(took.count()));
}

/// Whether `operation` has what `match` asks for: equal values of top-level keys; numbers of
/// different types are equal where their values are.
bool fits(bytes operation, bytes match) {
    for (const auto& e : bson::elements(match)) {
        const auto has = bson::find(operation, e.name);
        if (!has) return false;
        const auto a = strict_integer(*has);
        const auto b = strict_integer(e.value);
        if (a && b ? *a != *b : !(*has == e.value)) return false;
    }
    return true;
}

/// Adds the operations that fit all of `matches`.
void add_operations(const command_call& cmd, const std::vector<bytes>& matches,
                    bson::array_writer& list) {
    const auto now = clock::of(cmd.c.executor()).now();
    byte_buffer one;
    for (const auto& [number, entry] : cmd.of.registry->calls.all()) {
        const auto* call = dynamic_cast<const suspended_call*>(entry.get());
        if (!call) continue;
        one.clear();
        bson::document_writer d(one);
        add_operation(d, number, *call, now);
        d.finish();
        const bson::value_view operation{bson::type::document, one};
        const auto fit = [&](bytes match) { return fits(one, match); };
        if (std::ranges::all_of(matches, fit)) list.add(operation);
    }
}

void require_plain(bytes match) {
    for (const auto& e : bson::elements(match)) {
        const bool nested = e.value.t == bson::type::document;
        if (e.name.starts_with('$') || nested || e.name.find('.') != e.name.npos)
            not_served("$match of operations by '" + std::string(e.name) + "'");
    }
}

} // namespace

awaitable<message> watched(const layer& of, context& c, std::string method,
                           awaitable<message> work) {
    const listed here(*of.registry, c, std::move(method));
    co_return co_await std::move(work);
}

maybe_awaitable<message> current_op(command_call cmd) {
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        bson::array_writer list(d, "inprog");
        add_operations(cmd, {}, list);
        list.finish();
    });
}

message current_op_pipeline(const command_call& cmd, bson::value_view pipeline) {
    require_role(cmd, "mongodb.currentOp");
    std::vector<bytes> matches;
    bool first = true;
    for (const auto& stage : bson::elements(pipeline.as_document())) {
        if (stage.value.t != bson::type::document) wrong_type("pipeline", "documents", stage.value);
        const bson::elements content(stage.value.as_document());
        const auto what = content.begin();
        const auto name = what == content.end() ? std::string_view() : what->name;
        if (std::exchange(first, false) ? name != "$currentOp" : name != "$match")
            not_served("stage " + std::string(name) + " on a database");
        if (name == "$currentOp") continue;
        if (what->value.t != bson::type::document) wrong_type("$match", "document", what->value);
        require_plain(what->value.as_document());
        matches.push_back(what->value.as_document());
    }
    if (first) not_served("aggregate without a collection");
    byte_buffer all;
    bson::array_writer list(all);
    add_operations(cmd, matches, list);
    list.finish();
    auto terms = terms_of(cmd);
    terms.ns = cmd.within("$cmd.aggregate");
    batch_request ask;
    ask.size = INT32_MAX;
    ask.last = true;
    const bson::value_view view{bson::type::array, all};
    return open_values(cmd.of, cmd.c, view, std::move(terms), ask);
}

/// Answered the same where there is no such operation, which may have ended meanwhile.
maybe_awaitable<message> kill_op(command_call cmd) {
    const auto op = cmd.find("op");
    const auto number = op ? strict_integer(*op) : std::nullopt;
    if (!number) wrong_type("op", "an integer", op.value_or(absent));
    cmd.of.registry->calls.end(*number);
    return reply_with(cmd.c,
                      [](bson::document_writer& d) { d.add("info", "attempting to kill op"); });
}

} // namespace oocrpc::mongodb
