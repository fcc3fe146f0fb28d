#pragma once

#include <memory>
#include <source_location>

#include <asio/execution_context.hpp>

#include <oocrpc/stream.hpp>

namespace oocrpc {

/// How one execution context connects and listens: by the system's sockets unless told otherwise.
///
/// What connect_stream(), listener::open(), clients and servers use. A test puts a network in
/// memory in its place, a daemon one that keeps its listening sockets while services come and go.
/// Used by all threads whose contexts have it.
class network {
  public:
    virtual ~network() = default;
    /// As connect_stream().
    virtual awaitable<std::unique_ptr<byte_stream>> connect(url to, std::source_location made) = 0;
    /// As listener::open().
    virtual std::unique_ptr<listener> listen(any_io_executor executor, url at, port_sharing sharing,
                                             std::source_location made) = 0;

    /// TCP and Unix sockets.
    static const std::shared_ptr<network>& system();
    /// The one of this context; thread-safe.
    static std::shared_ptr<network> of(asio::execution_context& context);
    static std::shared_ptr<network> of(const any_io_executor& ex);
    /// Sets the one of this context, before anything connects or listens there.
    static void use(asio::execution_context& context, std::shared_ptr<network> n);
};

} // namespace oocrpc
