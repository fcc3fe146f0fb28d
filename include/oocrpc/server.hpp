#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <oocrpc/access_control.hpp>
#include <oocrpc/call_registry.hpp>
#include <oocrpc/connection.hpp>
#include <oocrpc/stream.hpp>
#include <oocrpc/tls.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc {

struct server_options {
    limits limit; ///< of each connection
    /// Of all servers that share the registry; accepting pauses at this number.
    std::size_t max_connections = 10'000;
    /// The same from one address, see connection_counts; one more is closed at once.
    std::size_t max_connections_per_address = 256;
    /// What the connections of a process may hold together; its own where it is null.
    std::shared_ptr<memory_budget> memory;
    /// The longest that a call may run; none by default.
    std::optional<std::chrono::milliseconds> max_call_time;
    /// How long a drain waits for the calls in flight before it cancels them.
    std::chrono::milliseconds drain_timeout{10'000};
    exception_text exceptions = exception_text::hidden;
    port_sharing sharing = port_sharing::exclusive;
    /// Of the addresses whose URLs ask for TLS; they need one.
    std::shared_ptr<const tls_server> tls;
    /// Speaks a protocol of your own at all addresses, instead of what their URLs say.
    codec_factory codecs;
    /// Cursors, suspended calls and the number of connections, shared by the servers of one port;
    /// its own where it is null.
    std::shared_ptr<call_registry> registry;
    /// Who may log in and call what, shared by the servers of one port; null: everybody,
    /// everything.
    std::shared_ptr<const access_control> access;
    /// Told of each connection, and of its end with the reason.
    std::function<void(const peer_info&)> on_connected;
    std::function<void(const peer_info&, const rpc_error&)> on_disconnected;
    /// Told of a connection that ends before it is served, and why.
    std::function<void(const peer_info&, const rpc_error&)> on_handshake_failed;
    /// Told when accepting fails for a while, as for want of file descriptors; it goes on by
    /// itself.
    std::function<void(const url&, const std::error_code&)> on_accept_error;
    /// Told, once a second at most, of connections that were closed at once because their address
    /// had too many: the last of them, and how many there were since it was told before.
    std::function<void(const url&, const std::string& peer, std::size_t refused)> on_refused;
};

namespace detail {
class server_core;
}

/// Listens, and serves every connection with one handler.
///
/// Lives on `executor`, which must be serial. For several threads, run one server in each with
/// port_sharing::shared, the same handler and the same registry. Moves, does not copy. Destroying
/// it closes its listeners and connections; calls in flight are cancelled.
class server {
  public:
    explicit server(any_io_executor executor, server_options options = {});
    server(server&&) noexcept = default;
    server& operator=(server&& other) noexcept;
    ~server();

    /// Binds at once and returns the address, with the port that was picked for port 0. Throws
    /// rpc_error: `invalid_argument` for a bad URL and one that asks for TLS without
    /// options.tls, `unavailable` where the address is taken.
    url listen(std::string_view at, std::source_location made = std::source_location::current());
    url listen(const url& at, std::source_location made = std::source_location::current());

    /// Accepts and serves until it is cancelled or drain() is called; then it stops listening,
    /// tells the clients to go elsewhere, finishes the calls in flight and returns. What runs
    /// after the drain time is cancelled. Being cancelled while it drains throws `cancelled`;
    /// destroying the server then cancels what still runs. Call once.
    awaitable<void> run(handler serve);
    /// Begins the drain; on the server's executor.
    void drain();

    std::vector<url> addresses() const;
    std::size_t connections() const noexcept;

  private:
    std::shared_ptr<detail::server_core> core_;
};

} // namespace oocrpc
