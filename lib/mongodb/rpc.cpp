// Methods as commands: `{add: [1, 2], $db: "demo"}` calls `demo.add`, or `add`.

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "command_names.hpp"
#include "cursors.hpp"
#include "methods.hpp"
#include "pass_on.hpp"

namespace oocrpc::mongodb {
namespace {

/// The arguments of a streaming method, without what a driver's runCommand for cursors says of the
/// batch: `batchSize` and `cursor.batchSize`, where the method has no such parameters.
struct stream_arguments {
    bson::value_view arguments;
    byte_buffer kept;
    std::optional<std::int64_t> batch;
};

stream_arguments read_arguments(const known_method& m, bson::value_view given) {
    stream_arguments out{given, {}, {}};
    if (given.t != bson::type::document) return out;
    const auto all = given.as_document();
    const bool size = !m.takes("batchSize") && bson::find(all, "batchSize");
    const bool cursor = !m.takes("cursor") && bson::find(all, "cursor");
    if (!size && !cursor) return out;
    bson::document_writer w(out.kept);
    for (const auto& e : bson::elements(all)) {
        if (size && e.name == "batchSize")
            out.batch = integer_in(all, "batchSize");
        else if (cursor && e.name == "cursor" && e.value.t == bson::type::document)
            out.batch = integer_in(e.value.as_document(), "batchSize", "cursor");
        else
            w.add(e.name, e.value);
    }
    w.finish();
    out.arguments = {bson::type::document, out.kept};
    return out;
}

/// The method streams: the answer is a cursor. `window` is the size of the first batch, where the
/// call says one.
awaitable<message> open(const layer& of, context& c, message call,
                        std::shared_ptr<const known_method> m, std::int32_t window) {
    auto from = read_arguments(*m, call.body);
    const auto [database, name] = split_name(call.method);
    auto terms = terms_of(c);
    terms.ns = commands_of(database).append(1, '.').append(name);
    terms.method = m->target;
    batch_request ask;
    ask.size = from.batch.value_or(window > 0 ? window : of.options.default_batch);
    require_batch_size(ask.size);
    co_return co_await open_stream(of, c, m, from.arguments, std::move(terms), ask);
}

awaitable<message> call_later(const layer& of, context& c, message call, std::int32_t window) {
    std::string name(call.method);
    const auto m = co_await resolve(of, c, std::move(name));
    if (m->streams && !c.oneway()) co_return co_await open(of, c, std::move(call), m, window);
    message answer;
    if (m->described) {
        auto outcome = invoke(of, c, *m, call.body);
        if (outcome.ready())
            answer = outcome.take();
        else
            answer = co_await outcome.wait();
    } else if (auto there = co_await pass_on(of, c, call)) {
        co_return std::move(*there);
    } else {
        answer = co_await invoke_resolved(of, c, m, call.body);
    }
    answer.own(); // it may view the arguments, which end here
    co_return answer;
}

/// Further keys beside a text are no arguments: only another server can know what they are.
awaitable<message> answer_elsewhere(command_call cmd) {
    std::string name(cmd.call.method);
    const auto m = co_await resolve(cmd.of, cmd.c, std::move(name));
    if (m->described) {
        auto outcome = call_method(cmd.of, cmd.c, message::call(cmd.call.method, cmd.subject()));
        if (outcome.ready()) co_return outcome.take();
        co_return co_await outcome.wait();
    }
    if (auto there = co_await pass_on(cmd)) co_return std::move(*there);
    co_return no_such_command(cmd.name());
}

} // namespace

maybe_awaitable<message> call_method(const layer& of, context& c, message&& call) {
    // A native stream has no words here: the items are collected, or a cursor fetches them.
    const auto window = c.take_window();
    const auto& m = c.session<session>().find(call.method);
    if (m && (!m->streams || c.oneway())) {
        if (m->target != call.method) {
            c.retarget(m->target);
            call.method = m->target; // the session keeps it while the connection lives
        }
        return (*of.inner)(c, std::move(call));
    }
    call.own();
    return call_later(of, c, std::move(call), window);
}

maybe_awaitable<message> other_command(command_call cmd) {
    cmd.call.own();
    return answer_elsewhere(std::move(cmd));
}

} // namespace oocrpc::mongodb
