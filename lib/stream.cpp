#include <oocrpc/stream.hpp>

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>

#include <filesystem>
#include <tuple>

#include <oocrpc/error.hpp>
#include <oocrpc/network.hpp>

#include "socket_stream.hpp"

namespace oocrpc {
namespace {

using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;

std::string text_of(const tcp::endpoint& e) {
    const auto address = e.address().to_string();
    return (e.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(e.port());
}

std::unique_ptr<byte_stream> make_stream(tcp::socket socket, const tcp::endpoint& peer) {
    return std::make_unique<socket_stream<tcp::socket>>(std::move(socket), text_of(peer));
}

std::unique_ptr<byte_stream> make_stream(local::socket socket, const local::endpoint&) {
    return std::make_unique<socket_stream<local::socket>>(std::move(socket), "unix");
}

template <class Socket> void send_without_delay(Socket& socket) {
    std::error_code ignored;
    if constexpr (std::is_same_v<typename Socket::protocol_type, tcp>)
        socket.set_option(tcp::no_delay(true), ignored);
}

template <class Socket> std::unique_ptr<byte_stream> connected(Socket socket) {
    std::error_code ignored;
    send_without_delay(socket);
    const auto peer = socket.remote_endpoint(ignored);
    return make_stream(std::move(socket), peer);
}

[[noreturn]] void unavailable(const url& at, const std::error_code& why) {
    if (why == asio::error::operation_aborted) throw rpc_error(errc::cancelled);
    throw rpc_error(errc::unavailable, at.to_string() + ": " + why.message());
}

[[noreturn]] void cannot_listen(const url& at, const std::error_code& why) {
    throw rpc_error(errc::unavailable, "cannot listen on " + at.to_string() + ": " + why.message());
}

template <class Protocol> class socket_listener final : public listener {
  public:
    using acceptor = typename Protocol::acceptor;

    /// `bound` says that the address was bound here, so that a socket file goes with it.
    socket_listener(acceptor a, url at, bool bound)
        : acceptor_(std::move(a)),
          at_(std::move(at)),
          bound_(bound) {}
    ~socket_listener() override { close(); }

    awaitable<std::unique_ptr<byte_stream>> accept() override {
        if constexpr (std::is_same_v<Protocol, local>) { // whose names may be too long for Asio
            auto socket = co_await acceptor_.async_accept(use_awaitable);
            co_return make_stream(std::move(socket), {});
        } else {
            typename Protocol::endpoint peer;
            auto socket = co_await acceptor_.async_accept(peer, use_awaitable);
            if (!bound_) send_without_delay(socket);
            co_return make_stream(std::move(socket), peer);
        }
    }
    void close() noexcept override {
        if (!acceptor_.is_open()) return;
        std::error_code ignored;
        acceptor_.close(ignored);
        if (bound_ && at_.via == url::transport::unix_socket)
            std::filesystem::remove(at_.path, ignored);
    }
    const url& address() const noexcept override { return at_; }
    int native_handle() noexcept override {
        return acceptor_.is_open() ? acceptor_.native_handle() : -1;
    }

  private:
    acceptor acceptor_;
    url at_;
    const bool bound_;
};

void listen(tcp::acceptor& a, const tcp::endpoint& at, port_sharing sharing) {
    a.open(at.protocol());
    a.set_option(tcp::acceptor::reuse_address(true));
    if (sharing == port_sharing::shared)
        a.set_option(asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>(true));
    send_without_delay(a); // which Linux hands on to what is accepted
    a.bind(at);
    a.listen();
}

std::unique_ptr<listener> listen_tcp(any_io_executor executor, url at, port_sharing sharing) {
    tcp::resolver resolver(executor);
    const auto found = resolver.resolve(at.host, std::to_string(at.port), tcp::resolver::passive);
    tcp::acceptor a(executor);
    listen(a, found.begin()->endpoint(), sharing);
    at.port = a.local_endpoint().port();
    return std::make_unique<socket_listener<tcp>>(std::move(a), std::move(at), true);
}

/// Removes a socket file that a process left behind; one that answers, or another kind of file,
/// stays and makes bind() fail.
void remove_stale(asio::any_io_executor executor, const std::string& path) {
    std::error_code ec;
    if (!std::filesystem::is_socket(path, ec)) return;
    local::socket probe(executor);
    probe.open();
    probe.non_blocking(true); // one that is there, but has no time for us, must not make us wait
    probe.connect(path, ec);
    if (ec == asio::error::connection_refused) std::filesystem::remove(path, ec);
}

std::unique_ptr<listener> listen_unix(any_io_executor executor, url at) {
    remove_stale(executor, at.path);
    local::acceptor a(executor);
    a.open();
    a.bind(local::endpoint(at.path));
    a.listen();
    return std::make_unique<socket_listener<local>>(std::move(a), std::move(at), true);
}

int socket_option(int socket, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    if (::getsockopt(socket, SOL_SOCKET, name, &value, &size) != 0)
        throw std::system_error(errno, std::system_category());
    return value;
}

int address_family(int socket) {
    return socket_option(socket, SO_DOMAIN);
}

void require_listening(int socket) {
    if (socket_option(socket, SO_TYPE) != SOCK_STREAM || !socket_option(socket, SO_ACCEPTCONN))
        throw std::system_error(EINVAL, std::system_category());
}

template <class Protocol>
std::unique_ptr<listener> adopt_socket(const any_io_executor& executor, Protocol family, int socket,
                                       url at) {
    typename Protocol::acceptor a(executor, family, socket);
    if constexpr (std::is_same_v<Protocol, tcp>) at.port = a.local_endpoint().port();
    return std::make_unique<socket_listener<Protocol>>(std::move(a), std::move(at), false);
}

std::unique_ptr<listener> open_socket(any_io_executor executor, url at, port_sharing sharing) {
    try {
        if (at.via == url::transport::unix_socket) return listen_unix(executor, at);
        return listen_tcp(executor, at, sharing);
    } catch (const std::system_error& e) {
        cannot_listen(at, e.code());
    }
}

awaitable<std::unique_ptr<byte_stream>> connect_socket(url to) {
    const auto executor = co_await this_coro::executor;
    if (to.via == url::transport::unix_socket) {
        local::socket socket(executor);
        auto [ec] = co_await socket.async_connect(local::endpoint(to.path), use_tuple);
        if (ec) unavailable(to, ec);
        co_return connected(std::move(socket));
    }
    tcp::socket socket(executor);
    std::error_code ec;
    const auto address = asio::ip::make_address(to.host, ec);
    if (!ec) { // Asio's resolver starts a thread, and a number needs none
        const tcp::endpoint at(address, to.port);
        std::tie(ec) = co_await socket.async_connect(at, use_tuple);
        if (ec) unavailable(to, ec);
        co_return connected(std::move(socket));
    }
    tcp::resolver resolver(executor);
    const auto service = std::to_string(to.port);
    auto [not_found, found] = co_await resolver.async_resolve(to.host, service, use_tuple);
    if (not_found) unavailable(to, not_found);
    auto [failure, at] = co_await asio::async_connect(socket, found, use_tuple);
    if (failure) unavailable(to, failure);
    co_return connected(std::move(socket));
}

class socket_network final : public network {
  public:
    awaitable<std::unique_ptr<byte_stream>> connect(url to, std::source_location) override {
        return connect_socket(std::move(to));
    }
    std::unique_ptr<listener> listen(any_io_executor executor, url at, port_sharing sharing,
                                     std::source_location) override {
        return open_socket(std::move(executor), std::move(at), sharing);
    }
};

} // namespace

const std::shared_ptr<network>& network::system() {
    static const std::shared_ptr<network> sockets = std::make_shared<socket_network>();
    return sockets;
}

std::unique_ptr<listener> listener::adopt(any_io_executor executor, int socket, url at) {
    try {
        require_listening(socket);
        if (at.via == url::transport::unix_socket)
            return adopt_socket<local>(executor, local(), socket, std::move(at));
        const auto family = address_family(socket) == AF_INET6 ? tcp::v6() : tcp::v4();
        return adopt_socket<tcp>(executor, family, socket, std::move(at));
    } catch (const std::system_error& e) {
        cannot_listen(at, e.code());
    }
}

} // namespace oocrpc
