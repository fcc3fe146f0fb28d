#include "listing.hpp"

#include <map>
#include <optional>

#include <oocrpc/built_in.hpp>
#include <oocrpc/context.hpp>

namespace oocrpc::proxy {
namespace {

/// The first argument, where it is a name.
std::optional<std::string> named(bson::value_view arguments) {
    auto v = std::optional(arguments);
    if (arguments.t == bson::type::array) {
        const bson::elements all(arguments.as_document());
        if (all.begin() == all.end()) return std::nullopt;
        v = all.begin()->value;
    } else if (arguments.t == bson::type::document) {
        v = bson::find(arguments.as_document(), "method");
    }
    if (!v || v->t != bson::type::string) return std::nullopt;
    return std::string(v->as_string());
}

template <class T> message reply_of(context& c, const T& value) {
    const auto t = bson::put(c.scratch(), value);
    return message::reply(0, {t, c.scratch()});
}

/// What the upstream server answers, put behind what is there; an error where that is no list.
template <class T> std::optional<message> append(std::vector<T>& all, message answer) {
    if (answer.fault) {
        if (answer.fault->code == static_cast<int>(errc::no_such_method)) return std::nullopt;
        return answer;
    }
    std::vector<T> theirs;
    bson::read_error e;
    if (!bson::get(answer.body, theirs, e))
        return message::error(0, errc::internal, "the upstream server's list: " + e.text());
    all.insert(all.end(), theirs.begin(), theirs.end());
    return std::nullopt;
}

awaitable<message> list(service own, std::shared_ptr<upstreams> to, context& c, message call) {
    std::vector<std::string> names;
    for (const auto& d : own.describe()) names.push_back(d.name);
    message theirs = co_await to->exchange(std::move(call));
    if (auto error = append(names, std::move(theirs))) co_return std::move(*error);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    co_return reply_of(c, names);
}

/// What a method named `database.$cmd` is, where there is one: see command() of a client.
awaitable<message> describe_commands(std::shared_ptr<upstreams> to, context& c, std::string name) {
    const bool takes = co_await to->take_commands();
    if (!takes) co_return message::error(0, errc::no_such_method, "'" + name + "': no such method");
    std::vector<method_description> all(1);
    all[0].name = std::move(name);
    all[0].parameters.push_back({"command", "document"});
    all[0].result = "document";
    co_return reply_of(c, all);
}

awaitable<message> describe(service own, std::shared_ptr<upstreams> to, context& c, message call) {
    const auto which = named(call.body);
    std::vector<method_description> all = own.describe();
    if (which) {
        std::erase_if(all, [&](const auto& d) { return d.name != *which; });
        if (!all.empty()) co_return reply_of(c, all);
        if (which->ends_with(".$cmd") && !which->starts_with("oocrpc."))
            co_return co_await describe_commands(std::move(to), c, *which);
        co_return co_await to->exchange(std::move(call));
    }
    message theirs = co_await to->exchange(std::move(call));
    if (auto error = append(all, std::move(theirs))) co_return std::move(*error);
    std::map<std::string, method_description> by_name; // of equal names the first, ours, counts
    for (const auto& d : all) by_name.emplace(d.name, d);
    all.clear();
    for (auto& [name, d] : by_name) all.push_back(std::move(d));
    co_return reply_of(c, all);
}

} // namespace

handler with_upstream_methods(service own, std::shared_ptr<upstreams> to) {
    return [own = std::move(own), to = std::move(to)](context& c,
                                                      message&& call) -> maybe_awaitable<message> {
        const bool lists = call.method == built_in::list.name();
        if (!lists && call.method != built_in::describe.name()) return own(c, std::move(call));
        call.own();
        call.meta = c.meta();
        call.credit = 0;
        return lists ? list(own, to, c, std::move(call)) : describe(own, to, c, std::move(call));
    };
}

} // namespace oocrpc::proxy
