#pragma once

#include <algorithm>
#include <cstring>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include <oocrpc/stream.hpp>

namespace oocrpc::detail {

/// A stream of which somebody has read the beginning: it is read once more, then all the rest.
class replayed_stream final : public byte_stream {
  public:
    replayed_stream(byte_buffer begin, std::unique_ptr<byte_stream> rest)
        : begin_(std::move(begin)),
          rest_(std::move(rest)) {}
    ~replayed_stream() override { *open_ = false; }

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        if (begin_.empty() || !*open_) return rest_->read_some(into, std::move(user));
        const auto n = std::min(into.size(), begin_.size());
        std::memcpy(into.data(), begin_.data(), n);
        begin_.consume(n);
        if (begin_.empty()) begin_ = byte_buffer();
        asio::post(get_executor(), [n, user = std::move(user), open = open_] {
            if (*open) return user->on_read({}, n);
            user->on_read(asio::error::operation_aborted, 0);
        });
    }
    std::size_t try_write(bytes from) noexcept override { return rest_->try_write(from); }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        rest_->write(from, std::move(user));
    }
    std::size_t unsent() noexcept override { return rest_->unsent(); }
    std::size_t buffered() const noexcept override { return begin_.capacity() + rest_->buffered(); }
    void shutdown_send() noexcept override { rest_->shutdown_send(); }
    void close() noexcept override {
        *open_ = false;
        rest_->close();
    }
    bool hung_up() noexcept override { return rest_->hung_up(); }
    std::string peer_address() const override { return rest_->peer_address(); }
    any_io_executor get_executor() override { return rest_->get_executor(); }

  private:
    byte_buffer begin_;
    std::unique_ptr<byte_stream> rest_;
    std::shared_ptr<bool> open_ = std::make_shared<bool>(true);
};

} // namespace oocrpc::detail
