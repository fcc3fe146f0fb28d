#include <oocrpc/service.hpp>

#include <algorithm>

#include "protocols.hpp"
#include <oocrpc/built_in.hpp>
#include <oocrpc/version.hpp>

namespace oocrpc {
namespace {

constexpr std::string_view built_in_prefix = "oocrpc.";

[[noreturn]] void refuse(const std::string& name, const char* why) {
    throw rpc_error(errc::invalid_argument, "method '" + name + "': " + why);
}

message no_such_method(const context& c) {
    return message::error(0, errc::no_such_method, "'" + c.method() + "': no such method");
}

hello_reply say_hello(context& c) {
    const auto& l = c.limits();
    hello_reply reply;
    reply.version = version;
    const std::pair<const char*, std::size_t> numbers[] = {
        {"max_message", l.max_message},
        {"max_message_before_login", l.max_message_before_login},
        {"max_depth", l.max_depth},
        {"max_elements", l.max_elements},
        {"max_in_flight", l.max_in_flight},
        {"max_queued", l.max_queued},
        {"max_streams", l.max_streams},
        {"max_cancels", l.max_cancels},
        {"frame_rate", l.frame_rate}};
    for (const auto& [name, n] : numbers) reply.limits[name] = static_cast<std::int64_t>(n);
    reply.limits["first_frame_timeout"] = l.first_frame_timeout.count();
    reply.limits["frame_timeout"] = l.frame_timeout.count();
    reply.limits["write_timeout"] = l.write_timeout.count();
    reply.limits["idle_timeout"] = l.idle_timeout.count();
    reply.features = {"cancel", "goaway", "meta", "oneway", "ping", "stream", "timeout_ms"};
    return reply;
}

} // namespace

service::service(std::string name, bare_names bare)
    : name_(std::move(name)),
      bare_(bare),
      table_(std::make_shared<table>()) {
    add_built_in();
}

service& service::on(std::string name, handler h) {
    method_description d;
    d.name = std::move(name);
    d.result = "any";
    return add(std::move(d), std::move(h));
}

service& service::on(method_description description, handler h) {
    return add(std::move(description), std::move(h));
}

service& service::add(method_description d, handler h) {
    if (d.name.empty()) refuse(d.name, "a name is missing");
    if (d.name.starts_with(built_in_prefix)) refuse(d.name, "the service 'oocrpc' is reserved");
    if (!name_.empty() && !d.name.starts_with(name_ + ".")) {
        if (d.name.find('.') != d.name.npos) refuse(d.name, "belongs to another service");
        d.name = name_ + "." + d.name;
    }
    if (protocols::reserved(d.name)) refuse(d.name, "a command of a protocol has that name");
    const auto full = d.name;
    if (bare_ == bare_names::yes && !name_.empty())
        insert(full.substr(name_.size() + 1), {h, d, true});
    insert(full, {std::move(h), std::move(d), false});
    return *this;
}

void service::insert(std::string name, entry e) {
    if (!table_->methods.emplace(name, std::move(e)).second) refuse(name, "is served already");
}

service& service::include(const service& other) {
    for (const auto& [name, e] : other.table_->methods)
        if (!name.starts_with(built_in_prefix)) insert(name, e);
    return *this;
}

service& service::otherwise(handler h) {
    table_->otherwise = std::move(h);
    return *this;
}

std::vector<method_description> service::describe() const {
    return table_->describe();
}

std::vector<method_description> service::table::describe() const {
    std::vector<method_description> all;
    for (const auto& [name, e] : methods)
        if (!e.alias && !name.starts_with(built_in_prefix)) all.push_back(e.description);
    std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.name < b.name; });
    return all;
}

maybe_awaitable<message> service::operator()(context& c, message&& call) const {
    const auto at = table_->methods.find(call.method);
    if (at != table_->methods.end()) return at->second.serve(c, std::move(call));
    // What a peer says to this end of its connection is nobody else's.
    if (table_->otherwise && !call.method.starts_with(built_in_prefix))
        return table_->otherwise(c, std::move(call));
    return no_such_method(c);
}

void service::add_built_in() {
    // The table holds these handlers, so they must not keep it alive.
    auto* t = table_.get();
    auto serve = [this](const auto& m, auto f) {
        auto d = detail::describe(m);
        auto name = d.name;
        auto h = [&]<class R, class... A>(const method<R(A...)>& signature) -> handler {
            return detail::typed_handler<decltype(f), R, A...>(f, signature);
        }(m);
        insert(std::move(name), {std::move(h), std::move(d), false});
    };
    serve(built_in::ping, [] {});
    serve(built_in::hello, [](context& c) { return say_hello(c); });
    serve(built_in::list, [t] {
        std::vector<std::string> names;
        for (const auto& d : t->describe()) names.push_back(d.name);
        return names;
    });
    serve(built_in::describe, [t](const std::optional<std::string>& which) {
        if (!which) return t->describe();
        const auto at = t->methods.find(*which);
        if (at == t->methods.end())
            throw rpc_error(errc::no_such_method, "'" + *which + "': no such method");
        return std::vector{at->second.description};
    });
}

} // namespace oocrpc
