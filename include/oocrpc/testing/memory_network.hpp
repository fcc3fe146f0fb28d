#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <oocrpc/clock.hpp>
#include <oocrpc/network.hpp>

namespace oocrpc::testing {

namespace detail {
struct host_state;
}

/// A host of a network in memory, and how the link between it and the test behaves: a handle.
///
/// Everything is symmetric: it counts for both directions and, where nothing else is said, for the
/// connections that exist and those to come. Used on the thread of the loop.
class memory_host {
  public:
    const std::string& name() const noexcept;

    /// What is sent from now on arrives after `one_way` of the clock's time; connecting takes one
    /// way there and one back.
    void delay(duration one_way);
    /// A read gets at most `n` bytes; 0: as many as there are, which is how it begins.
    void split(std::size_t n);

    /// Breaks all connections: what is on its way is lost, both ends fail with connection_reset.
    void cut();
    /// Breaks the connection over which the host receives its `n`th byte from now on, counted over
    /// all of them. It still receives that byte; 0: the first write breaks it. Once.
    void cut_after_received(std::size_t n);
    /// The same for what the host sends.
    void cut_after_sent(std::size_t n);

    /// New connections are refused, although somebody listens.
    void refuse();
    /// Nothing comes through and nobody is told: bytes wait on their way, connecting waits.
    void partition();
    /// Takes back what was said by all functions above; what a partition held goes on its way.
    void heal();

    /// Connections that one of the two ends has not closed.
    std::size_t connections() const noexcept;

  private:
    friend class memory_network;
    explicit memory_host(std::shared_ptr<detail::host_state> state) : state_(std::move(state)) {}

    std::shared_ptr<detail::host_state> state_;
};

/// A network in memory: listening and connecting by the names of hosts, without a socket.
///
/// Every name is a host of it, except for `localhost`, which is 127.0.0.1: IP addresses and Unix
/// sockets are left to the system, which is asked for no name. A name that nobody declared by
/// host() or by listening there is unknown. The test itself is the host `test`, and every
/// connection goes between it and a host; the peer's address is `HOST:PORT` at both ends. What a
/// read or write meets is what sockets have: eof, connection_reset, broken_pipe.
///
/// Used on the thread of one loop; run() gives each case one of its own.
class memory_network final : public network {
  public:
    memory_network();
    ~memory_network() override;

    /// The host of this name, which exists from now on.
    memory_host host(const std::string& name);

    awaitable<std::unique_ptr<byte_stream>> connect(url to, std::source_location made) override;
    std::unique_ptr<listener> listen(any_io_executor executor, url at, port_sharing sharing,
                                     std::source_location made) override;

    struct open_socket {
        std::string what; ///< "connection to alpha:9000", "listener at alpha:9000"
        std::source_location made;
    };
    /// All listeners and ends of connections that are not closed. The end that a listener accepted
    /// was made where the listener was.
    std::vector<open_socket> open() const;

  private:
    std::map<std::string, std::shared_ptr<detail::host_state>, std::less<>> hosts_;
    std::uint16_t last_port_ = 49151; // of the ports that the test connects from
};

} // namespace oocrpc::testing
