#pragma once

#include <oocrpc/stream.hpp>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include <memory>
#include <string>
#include <utility>

namespace oocrpc::test {

/// A stream that passes everything on to another; cases override what they disturb.
class passing_stream : public byte_stream {
  public:
    explicit passing_stream(std::unique_ptr<byte_stream> inner) : inner_(std::move(inner)) {}
    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        inner_->read_some(into, std::move(user));
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        inner_->write(from, std::move(user));
    }
    void shutdown_send() noexcept override { inner_->shutdown_send(); }
    void close() noexcept override { inner_->close(); }
    std::string peer_address() const override { return inner_->peer_address(); }
    any_io_executor get_executor() override { return inner_->get_executor(); }

  protected:
    /// As where the peer has reset the connection.
    void fail_read(std::shared_ptr<stream_user> user) {
        asio::post(get_executor(),
                   [user = std::move(user)] { user->on_read(asio::error::connection_reset, 0); });
    }
    void fail_write(std::shared_ptr<stream_user> user) {
        asio::post(get_executor(),
                   [user = std::move(user)] { user->on_written(asio::error::connection_reset); });
    }

  private:
    std::unique_ptr<byte_stream> inner_;
};

} // namespace oocrpc::test
