#include "text_component.hpp"

#include "listening_sockets.hpp"

namespace host {

text_component::text_component(std::string name, oocrpc::plugin_host& owner, oocrpc::host_port at,
                               text_function serve)
    : task_component(std::move(name), [this] { return run(owner_, *server_); }),
      owner_(owner),
      at_(std::move(at)),
      serve_(std::move(serve)) {}

oocrpc::awaitable<void> text_component::run(oocrpc::plugin_host& owner, text_server bound) {
    co_await owner.tree_started();
    co_await bound.run();
}

std::vector<oocrpc::url> text_component::wanted() const {
    oocrpc::url at;
    at.protocol = "text";
    at.host = at_.host;
    at.port = at_.port;
    return {at};
}

oocrpc::awaitable<void> text_component::on_start() {
    const auto& given = owner_.options();
    text_options how;
    how.max_connections = given.size("max-connections");
    how.max_connections_per_address = given.size("max-connections-per-address");
    how.write_timeout = given.duration("write-timeout");
    how.drain_timeout = owner_.drain_timeout();
    const listening_sockets::opened_by here(owner_.executor(), path());
    server_.emplace(owner_.executor(), at_, serve_, how);
    owner_.also_ready_on(server_->address());
    co_await task_component::on_start();
}

void text_component::ask_to_end() {
    auto bound = *std::exchange(server_, std::nullopt);
    if (!bound.drain()) task_component::ask_to_end();
}

} // namespace host
