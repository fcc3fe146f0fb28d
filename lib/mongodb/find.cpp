// find and aggregate: a collection is a method, a filter holds its arguments by name.

#include <utility>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "cursors.hpp"
#include "elements.hpp"
#include "old_mapping.hpp"
#include "pass_on.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

/// What find or aggregate asks for.
struct query {
    cursor_terms terms;
    batch_request ask;
    bson::value_view arguments = absent;
    byte_buffer kept; // where arguments had to be written anew
};
using reader = query (*)(const command_call&);

bool is_empty(bson::value_view v) noexcept {
    if (v.t == bson::type::document || v.t == bson::type::array)
        return !has_elements(v.as_document());
    return v.t == bson::type::null || !strict_true(v);
}

/// A filter's arguments. Operators are refused; an empty one is no arguments at all.
void read_filter(bson::value_view filter, query& q) {
    if (filter.t == bson::type::null) return;
    if (filter.t != bson::type::document) wrong_type("filter", "document", filter);
    bool comment = false;
    for (const auto& e : bson::elements(filter.as_document())) {
        if (!e.name.starts_with('$')) continue;
        if (e.name != "$comment")
            throw rpc_error(errc::invalid_argument,
                            std::string(e.name) + ": a filter holds arguments, not operators");
        comment = true;
    }
    q.arguments = filter;
    if (comment) {
        copy_document(filter.as_document(), q.kept,
                      [](const bson::element& e) { return e.name != "$comment"; });
        q.arguments = {bson::type::document, q.kept};
    }
    if (is_empty(q.arguments)) q.arguments = absent;
}

void refuse(const command_call& cmd, std::initializer_list<std::string_view> keys) {
    for (const auto key : keys)
        if (const auto v = cmd.find(key); v && !is_empty(*v)) not_served(key);
}

query read_find(const command_call& cmd) {
    refuse(cmd, {"sort", "projection", "hint", "collation", "min", "max", "let", "returnKey",
                 "showRecordId"});
    query q;
    q.terms = terms_of(cmd);
    q.terms.ns = cmd.within(cmd.subject_text());
    if (const auto filter = cmd.find("filter")) read_filter(query_of(*filter), q);
    q.terms.skip = cmd.integer("skip").value_or(0);
    if (q.terms.skip < 0)
        throw rpc_error(errc::invalid_argument,
                        "skip: expected 0 or more, got " + std::to_string(q.terms.skip));
    q.ask.size = cmd.integer("batchSize").value_or(cmd.of.options.default_batch);
    require_batch_size(q.ask.size);
    q.ask.last = cmd.flag("singleBatch") || cmd.c.oneway();
    const auto limit = cmd.integer("limit").value_or(0);
    if (limit < 0) q.ask.last = true; // as drivers used to ask for a single batch
    if (limit != 0) q.terms.limit = limit > 0 ? limit : limit == INT64_MIN ? INT64_MAX : -limit;
    if (limit < 0) q.ask.size = q.terms.limit;
    return q;
}

query read_aggregate(const command_call& cmd) {
    refuse(cmd, {"explain", "hint", "collation", "let"});
    query q;
    q.terms = terms_of(cmd);
    q.terms.ns = cmd.within(cmd.subject_text());
    q.ask.size = cmd.of.options.default_batch;
    q.ask.last = cmd.c.oneway();
    if (const auto how = cmd.find("cursor"); how && how->t == bson::type::document)
        q.ask.size = integer_in(how->as_document(), "batchSize", "cursor").value_or(q.ask.size);
    require_batch_size(q.ask.size);
    const auto pipeline = cmd.find("pipeline");
    if (!pipeline || pipeline->t != bson::type::array)
        wrong_type("pipeline", "array", pipeline.value_or(absent));
    bool matched = false;
    for (const auto& stage : bson::elements(pipeline->as_document())) {
        const bson::elements content(stage.value.as_document());
        if (stage.value.t != bson::type::document || content.begin() == content.end())
            wrong_type("pipeline", "stages, documents of one key", stage.value);
        const auto what = *content.begin();
        if (what.name != "$match") not_served("stage " + std::string(what.name));
        if (std::exchange(matched, true)) not_served("a second stage $match");
        read_filter(what.value, q);
    }
    return q;
}

message answer(const command_call& cmd, query q, message result) {
    if (result.fault) return result;
    cmd.c.collect_into(result);
    return open_values(cmd.of, cmd.c, result.body, std::move(q.terms), q.ask);
}

awaitable<message> wait_for(command_call cmd, query q, awaitable<message> work) {
    auto result = co_await std::move(work);
    co_return answer(cmd, std::move(q), std::move(result));
}

awaitable<message> query_later(command_call cmd, reader read) {
    std::string name = cmd.within(cmd.subject_text());
    const auto m = co_await resolve(cmd.of, cmd.c, std::move(name));
    if (!m->described)
        if (auto there = co_await pass_on(cmd)) co_return std::move(*there);
    auto q = read(cmd);
    q.terms.method = m->target;
    if (m->streams)
        co_return co_await open_stream(cmd.of, cmd.c, m, q.arguments, std::move(q.terms), q.ask);
    auto result = co_await invoke_resolved(cmd.of, cmd.c, m, q.arguments);
    co_return answer(cmd, std::move(q), std::move(result));
}

/// A plain method that the connection knows answers at once.
maybe_awaitable<message> ask_method(command_call cmd, reader read) {
    const auto m = cmd.connection().find(cmd.within(cmd.subject_text()));
    if (!m || m->streams) {
        cmd.call.own();
        return query_later(std::move(cmd), read);
    }
    auto q = read(cmd);
    q.terms.method = m->target;
    auto outcome = invoke(cmd.of, cmd.c, *m, q.arguments);
    if (outcome.ready()) return answer(cmd, std::move(q), outcome.take());
    cmd.call.own();
    return wait_for(std::move(cmd), std::move(q), outcome.wait());
}

} // namespace

maybe_awaitable<message> find(command_call cmd) {
    if (is_old_mapping(cmd)) {
        cmd.call.own();
        return call_old_mapping(std::move(cmd));
    }
    return ask_method(std::move(cmd), read_find);
}

maybe_awaitable<message> aggregate(command_call cmd) {
    if (cmd.subject().t == bson::type::string) return ask_method(std::move(cmd), read_aggregate);
    const auto pipeline = cmd.find("pipeline");
    if (!pipeline || pipeline->t != bson::type::array)
        wrong_type("pipeline", "array", pipeline.value_or(absent));
    return current_op_pipeline(cmd, *pipeline);
}

} // namespace oocrpc::mongodb
