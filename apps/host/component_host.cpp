#include "component_host.hpp"

#include <algorithm>

#include <oocrpc/layers.hpp>
#include <oocrpc/promise.hpp>

namespace host {

using namespace oocrpc;

component_host::component_host(component_settings settings, serving& with,
                               std::chrono::milliseconds drain_timeout)
    : settings_(std::move(settings)),
      with_(with),
      drain_timeout_(drain_timeout) {}

any_io_executor component_host::executor() {
    return with_.loops.first().get_executor();
}

/// The limits, by the names that they have in the library.
void component_host::set_limits(server_options& server) const {
    const auto& o = options();
    auto& each = server.limit;
    server.max_connections = o.size("max-connections");
    server.max_connections_per_address = o.size("max-connections-per-address");
    server.memory = with_.memory;
    each.max_in_flight = o.size("max-in-flight");
    each.max_streams = o.size("max-streams");
    each.max_cancels = o.size("max-cancels");
    each.max_outgoing = o.size("max-outgoing");
    each.max_message = o.size("max-message");
    each.max_message_before_login = o.size("max-message-before-login");
    each.max_depth = o.size("max-depth");
    each.max_elements = o.size("max-elements");
    each.max_queued = o.size("max-queued");
    each.handshake_timeout = o.duration("handshake-timeout");
    each.first_frame_timeout = o.duration("first-frame-timeout");
    each.frame_timeout = o.duration("frame-timeout");
    each.frame_rate = o.size("frame-rate");
    each.write_timeout = o.duration("write-timeout");
    each.idle_timeout = o.duration("idle-timeout");
}

std::unique_ptr<component> component_host::serve(handler h, serve_options how) {
    h = limited(std::move(h), options().size("max-concurrent"), options().size("max-waiting"));
    auto& server = how.server;
    set_limits(server);
    server.drain_timeout = drain_timeout_;
    server.access = with_.access;
    if (how.urls.empty()) how.urls = options().texts("listen");
    if (auto tls = make_tls(options(), how.urls)) {
        tls_.push_back(tls);
        server.tls = std::move(tls);
    }
    auto named = how.name.empty() ? name() : how.name;
    auto made = std::make_unique<served>(std::move(named), with_, std::move(h), std::move(how));
    served_.push_back(made.get());
    return made;
}

awaitable<void> component_host::tree_started() {
    promise<void> open;
    with_.begin.when_open([open]() mutable {
        if (!open.fired()) open.fire();
    });
    co_await open.wait();
}

/// One that is started again says the same once more.
void component_host::also_ready_on(std::string address) {
    log(log_level::info, "listening", {{"listener", address}});
    if (std::ranges::count(also_, address) == 0) also_.push_back(std::move(address));
}

void component_host::log(log_level level, std::string_view message, log_fields fields) {
    with_.log(level, name(), message, fields);
}

std::vector<std::string> component_host::addresses() const {
    std::vector<std::string> all;
    for (const auto* s : served_)
        for (const auto& at : s->addresses()) all.push_back(at.to_string());
    all.insert(all.end(), also_.begin(), also_.end());
    return all;
}

} // namespace host
