#include <oocrpc/stream.hpp>

#include <algorithm>
#include <asio/error.hpp>

#include "waiting_operation.hpp"

namespace oocrpc {
namespace {

// As much as a socket of the kernel's takes without being read from.
constexpr std::size_t pipe_capacity = 256 << 10;

/// One direction: what was written and not yet read.
struct pipe {
    pipe(const any_io_executor& from, const any_io_executor& to) : writing(from), reading(to) {}

    byte_buffer data;
    bytes pending; // the rest of what is being written; the writer keeps it
    bool writer_gone = false;
    bool reader_gone = false;
    waiting_operation writing;
    waiting_operation reading;

    bool over() const noexcept { return writer_gone || reader_gone; }
    void move_on() {
        if (!over()) {
            const auto n = std::min(pipe_capacity - data.size(), pending.size());
            data.append(pending.first(n));
            pending = pending.subspan(n);
        }
        if (over() || !data.empty()) reading.complete();
        if (over() || pending.empty()) writing.complete();
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
        in_->reading.start([p = in_, into, user = std::move(user)] {
            if (p->reader_gone) return user->on_read(asio::error::operation_aborted, 0);
            const auto n = std::min(into.size(), p->data.size());
            if (n == 0) return user->on_read(asio::error::eof, 0);
            std::memcpy(into.data(), p->data.data(), n);
            p->data.consume(n);
            p->move_on();
            user->on_read({}, n);
        });
        in_->move_on();
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        out_->pending = from;
        out_->writing.start([p = out_, user = std::move(user)] {
            const bool all = std::exchange(p->pending, {}).empty();
            user->on_written(all ? std::error_code() : asio::error::broken_pipe);
        });
        out_->move_on();
    }
    std::size_t unsent() noexcept override { return out_->data.size() + out_->pending.size(); }
    void shutdown_send() noexcept override {
        out_->writer_gone = true;
        out_->move_on();
    }
    void close() noexcept override {
        if (std::exchange(closed_, true)) return;
        in_->reader_gone = true;
        out_->writer_gone = true;
        in_->move_on();
        out_->move_on();
    }
    bool hung_up() noexcept override { return in_->writer_gone; }
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
    auto up = std::make_shared<pipe>(a, b);
    auto down = std::make_shared<pipe>(b, a);
    return {std::make_unique<memory_stream>(down, up, std::move(a)),
            std::make_unique<memory_stream>(up, down, std::move(b))};
}

} // namespace oocrpc
