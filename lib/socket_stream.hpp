#pragma once

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <asio/write.hpp>

#include <oocrpc/stream.hpp>

namespace oocrpc {

/// A byte stream over an Asio socket.
template <class Socket> class socket_stream final : public byte_stream {
  public:
    socket_stream(Socket socket, std::string peer)
        : socket_(std::move(socket)),
          peer_(std::move(peer)) {}

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        socket_.async_read_some(into, [user = std::move(user)](std::error_code ec, std::size_t n) {
            user->on_read(ec, n);
        });
    }
    std::size_t try_write(bytes from) noexcept override {
        const auto n =
            ::send(socket_.native_handle(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        asio::async_write(
            socket_, asio::buffer(from.data(), from.size()),
            [user = std::move(user)](std::error_code ec, std::size_t) { user->on_written(ec); });
    }
    std::size_t unsent() noexcept override {
        int n = 0;
        ::ioctl(socket_.native_handle(), SIOCOUTQ, &n);
        return static_cast<std::size_t>(n);
    }
    void shutdown_send() noexcept override {
        std::error_code ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
    }
    void close() noexcept override {
        std::error_code ignored;
        socket_.shutdown(Socket::shutdown_both, ignored);
        socket_.close(ignored);
    }
    bool hung_up() noexcept override {
        pollfd what{socket_.native_handle(), POLLRDHUP, 0};
        return ::poll(&what, 1, 0) > 0;
    }
    std::string peer_address() const override { return peer_; }
    any_io_executor get_executor() override { return socket_.get_executor(); }

  private:
    Socket socket_;
    std::string peer_;
};

} // namespace oocrpc
