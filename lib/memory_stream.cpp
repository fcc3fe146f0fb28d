#include <oocrpc/stream.hpp>

#include <algorithm>
#include <asio/error.hpp>

namespace oocrpc {
namespace {

/// One direction: what was written and not yet read.
struct pipe {
    byte_buffer data;
    bool closed = false;
    asio::mutable_buffer into;
    std::shared_ptr<stream_user> reader; // of a read that waits
    any_io_executor executor;            // the reader's

    void fail(std::error_code ec) {
        if (!reader) return;
        asio::post(executor, [user = std::move(reader), ec] { user->on_read(ec, 0); });
        reader.reset();
    }
    void deliver() {
        if (!reader) return;
        if (data.empty()) return closed ? fail(asio::error::eof) : void();
        const auto n = std::min(into.size(), data.size());
        std::memcpy(into.data(), data.data(), n);
        data.consume(n);
        asio::post(executor, [user = std::move(reader), n] { user->on_read({}, n); });
        reader.reset();
    }
};

class memory_stream final : public byte_stream {
  public:
    memory_stream(std::shared_ptr<pipe> in, std::shared_ptr<pipe> out, any_io_executor executor)
        : in_(std::move(in)),
          out_(std::move(out)),
          executor_(std::move(executor)) {}
    ~memory_stream() override { close(); }

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        in_->into = into;
        in_->reader = std::move(user);
        in_->executor = executor_;
        if (closed_) return in_->fail(asio::error::operation_aborted);
        in_->deliver();
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        std::error_code ec;
        if (closed_ || out_->closed) ec = asio::error::broken_pipe;
        if (!ec) {
            out_->data.append(from);
            out_->deliver();
        }
        asio::post(executor_, [user = std::move(user), ec] { user->on_written(ec); });
    }
    void close() noexcept override {
        if (std::exchange(closed_, true)) return;
        in_->fail(asio::error::operation_aborted);
        in_->closed = true; // the other end's writes fail from now on
        out_->closed = true;
        out_->deliver();
    }
    std::string peer_address() const override { return "memory"; }
    any_io_executor get_executor() override { return executor_; }

  private:
    std::shared_ptr<pipe> in_, out_;
    any_io_executor executor_;
    bool closed_ = false;
};

} // namespace

std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>
make_stream_pair(any_io_executor a, any_io_executor b) {
    auto up = std::make_shared<pipe>();
    auto down = std::make_shared<pipe>();
    return {std::make_unique<memory_stream>(down, up, std::move(a)),
            std::make_unique<memory_stream>(up, down, std::move(b))};
}

} // namespace oocrpc
