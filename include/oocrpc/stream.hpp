#pragma once

#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include <asio/buffer.hpp>

#include <oocrpc/asio.hpp>
#include <oocrpc/byte_buffer.hpp>
#include <oocrpc/tls_info.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc {

/// Who is told that bytes have arrived or left.
class stream_user {
  public:
    virtual ~stream_user() = default;
    virtual void on_read(std::error_code ec, std::size_t size) = 0;
    virtual void on_written(std::error_code ec) = 0;
};

/// A connected, two-way stream of bytes: TCP, Unix socket, memory, TLS.
///
/// Used on its executor only. At most one read and one write are under way. The user is kept
/// alive, and told later, never from within the call; after close() with an error.
class byte_stream {
  public:
    virtual ~byte_stream() = default;
    /// Reads at least one byte into `into`; the end of the stream is asio::error::eof.
    virtual void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) = 0;
    /// Writes what can be written at once, and returns how much that was; 0 also where it cannot
    /// tell, or where there is an error, which write() tells. While no write is under way.
    virtual std::size_t try_write(bytes) noexcept { return 0; }
    /// Writes all of `from`, which stays valid until the user is told.
    virtual void write(bytes from, std::shared_ptr<stream_user> user) = 0;
    /// Bytes that were written and that the peer has not taken yet, as far as can be told; what
    /// counts is whether they become fewer.
    virtual std::size_t unsent() noexcept { return 0; }
    /// Bytes of memory that it holds for what it has read and what it is to write.
    virtual std::size_t buffered() const noexcept { return 0; }
    /// Ends the sending half, while no write is under way: the peer reads the end of the stream,
    /// and what it sends is still read here.
    virtual void shutdown_send() noexcept = 0;
    /// Ends both directions; what is under way fails.
    virtual void close() noexcept = 0;
    /// Whether the peer has closed its sending half, also while bytes before that are unread.
    virtual bool hung_up() noexcept { return false; }
    /// The peer, for people: `127.0.0.1:4711`, `unix`, `memory`.
    virtual std::string peer_address() const = 0;
    virtual any_io_executor get_executor() = 0;
    /// What it is encrypted with; null where it is not.
    virtual std::shared_ptr<const tls_info> tls() const { return nullptr; }
};

/// Connects to where `to` points, by the network of the awaiting coroutine's executor.
/// Throws rpc_error(unavailable) with the last reason; cancelling stops it. `made` is for people.
awaitable<std::unique_ptr<byte_stream>>
connect_stream(url to, std::source_location made = std::source_location::current());

/// Two ends of a connection in memory, on the executors given, both used by one thread.
std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>
make_stream_pair(any_io_executor a, any_io_executor b);

/// Whether other processes or threads may listen on the same port, each getting a share.
enum class port_sharing { exclusive, shared };

/// Accepts connections on an address. Used on its executor only; does not copy.
class listener {
  public:
    /// Binds and listens at once, by the network of `executor`; throws rpc_error(unavailable) that
    /// names the address. A Unix socket that nobody listens on any more is replaced.
    static std::unique_ptr<listener>
    open(any_io_executor executor, url at, port_sharing sharing = port_sharing::exclusive,
         std::source_location made = std::source_location::current());
    /// Accepts on `socket`, which listens already and is closed with the listener; `at` is what
    /// address() tells. Does not remove a Unix socket: who bound it does. Throws
    /// rpc_error(unavailable) where it is no listening stream socket.
    static std::unique_ptr<listener> adopt(any_io_executor executor, int socket, url at);
    virtual ~listener() = default;
    /// Waits for the next connection; throws std::system_error, also once closed.
    virtual awaitable<std::unique_ptr<byte_stream>> accept() = 0;
    /// Stops listening; a Unix socket that open() made is removed from the file system.
    virtual void close() noexcept = 0;
    /// Where it listens, with the port that was picked where 0 was asked for.
    virtual const url& address() const noexcept = 0;
    /// The socket, which stays the listener's, for who wants a copy of it (`dup`); -1 where there
    /// is none, as in memory, or where it is closed.
    virtual int native_handle() noexcept { return -1; }
};

} // namespace oocrpc
