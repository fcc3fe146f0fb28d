// Services as databases, their methods as collections and as commands.

#include <map>
#include <set>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "command_names.hpp"
#include "cursors.hpp"
#include "pass_on.hpp"

namespace oocrpc::mongodb {
namespace {

// Methods without a service are found in every database, and listed in this one.
constexpr std::string_view nameless = "admin";

/// The name that `filter` asks for, if it does; other conditions are refused.
std::optional<std::string> wanted_name(const command_call& cmd) {
    const auto filter = cmd.find("filter");
    if (!filter || filter->t != bson::type::document) return std::nullopt;
    std::optional<std::string> name;
    for (const auto& e : bson::elements(filter->as_document())) {
        // What drivers add to leave out views and the like: all here are collections.
        if (e.name == "type" || e.name == "$or") continue;
        if (e.name != "name" || e.value.t != bson::type::string)
            not_served("filter." + std::string(e.name));
        name = e.value.as_string();
    }
    return name;
}

awaitable<message> databases(command_call cmd) {
    if (auto there = co_await pass_on(cmd)) co_return std::move(*there);
    const auto methods = co_await list_methods(cmd.of, cmd.c);
    const auto wanted = wanted_name(cmd);
    std::set<std::string_view> services;
    for (const auto& m : methods) services.insert(split_name(m, nameless).database);
    co_return reply_with(cmd.c, [&](bson::document_writer& d) {
        bson::array_writer list(d, "databases");
        for (const auto name : services) {
            if (wanted && *wanted != name) continue;
            bson::document_writer one(list);
            one.add("name", name);
            if (!cmd.flag("nameOnly")) {
                one.add("sizeOnDisk", std::int64_t{0});
                one.add("empty", false);
            }
            one.finish();
        }
        list.finish();
        if (cmd.flag("nameOnly")) return;
        d.add("totalSize", std::int64_t{0});
        d.add("totalSizeMb", std::int64_t{0});
    });
}

void add_collection(bson::array_writer& list, std::string_view name, bool only_name) {
    bson::document_writer one(list);
    one.add("name", name);
    one.add("type", "collection");
    if (!only_name) {
        bson::document_writer options(one, "options");
        options.finish();
        bson::document_writer info(one, "info");
        info.add("readOnly", false);
        info.finish();
    }
    one.finish();
}

awaitable<message> collections(command_call cmd) {
    if (auto there = co_await pass_on(cmd)) co_return std::move(*there);
    const auto methods = co_await list_methods(cmd.of, cmd.c);
    const auto wanted = wanted_name(cmd);
    byte_buffer all;
    bson::array_writer list(all);
    for (const auto& m : methods) {
        const auto [service, name] = split_name(m, nameless);
        if (service != cmd.database() || (wanted && *wanted != name)) continue;
        add_collection(list, name, cmd.flag("nameOnly"));
    }
    list.finish();
    auto terms = terms_of(cmd);
    terms.ns = cmd.within("$cmd.listCollections");
    batch_request ask;
    ask.size = INT32_MAX;
    if (const auto how = cmd.find("cursor"); how && how->t == bson::type::document)
        ask.size = integer_in(how->as_document(), "batchSize", "cursor").value_or(ask.size);
    require_batch_size(ask.size);
    const bson::value_view view{bson::type::array, all};
    co_return open_values(cmd.of, cmd.c, view, std::move(terms), ask);
}

awaitable<message> commands(command_call cmd) {
    const auto methods = co_await list_methods(cmd.of, cmd.c);
    std::map<std::string_view, std::string_view> all;
    for (const auto name : command_names()) all.emplace(name, "a command of MongoDB's");
    for (const auto& m : methods)
        if (const auto [service, name] = split_name(m, nameless); service == cmd.database())
            all.emplace(name, "a method of the service");
    co_return reply_with(cmd.c, [&](bson::document_writer& d) {
        bson::document_writer list(d, "commands");
        for (const auto& [name, help] : all) {
            bson::document_writer one(list, name);
            one.add("help", help);
            one.add("requiresAuth", false);
            one.add("adminOnly", false);
            one.finish();
        }
        list.finish();
    });
}

} // namespace

maybe_awaitable<message> list_databases(command_call cmd) {
    cmd.call.own();
    return databases(std::move(cmd));
}

maybe_awaitable<message> list_collections(command_call cmd) {
    cmd.call.own();
    return collections(std::move(cmd));
}

maybe_awaitable<message> list_commands(command_call cmd) {
    cmd.call.own();
    return commands(std::move(cmd));
}

} // namespace oocrpc::mongodb
