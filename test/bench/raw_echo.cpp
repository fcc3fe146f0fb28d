// What Asio itself can do, as the reference of the benchmarks: frames of a 4-byte length and as
// many bytes, whose first 4 say how long the answer is to be. Nothing else is looked into, nothing
// is allocated for a call. bench_client.hpp tells the command line.
//
// SIZE 0: frames as long as those of demo.add(2, 3), 105 bytes there and 32 back. Else SIZE bytes
// and what the native protocol lays around them travel both ways, and are copied once at each end.
// Both sides read, work on every whole frame of the read, and write once, as the library does.

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include "run_loop.hpp"

namespace {

using asio::ip::tcp;
using bytes = std::vector<unsigned char>;

struct sizes { // of bodies, in bytes
    std::uint32_t call, answer;
};
constexpr sizes add{101, 28};
constexpr sizes echo_overhead{97, 29};
constexpr std::size_t read_size = 256 << 10;

void store(unsigned char* to, std::uint32_t n) {
    for (int i = 0; i < 4; ++i) to[i] = static_cast<unsigned char>(n >> (24 - 8 * i));
}

std::uint32_t load(const unsigned char* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

/// Bytes that are never zero-filled twice.
class buffer {
  public:
    unsigned char* grow(std::size_t n) {
        if (size_ + n > space_.size()) space_.resize(2 * (size_ + n));
        size_ += n;
        return space_.data() + size_ - n;
    }
    unsigned char* data() { return space_.data(); }
    std::size_t size() const { return size_; }
    void clear() { size_ = 0; }

  private:
    bytes space_;
    std::size_t size_ = 0;
};

/// One end of a connection; what it does with a frame is the derived class's.
class end : public std::enable_shared_from_this<end> {
  public:
    explicit end(tcp::socket socket) : socket_(std::move(socket)), in_(2 * read_size) {
        socket_.set_option(tcp::no_delay(true));
    }
    virtual ~end() = default;

    void start() {
        begin();
        read();
        flush();
    }

  protected:
    virtual void begin() {}
    virtual void on_batch() {}
    virtual void on_frame(const unsigned char* body, std::uint32_t size) = 0;

    unsigned char* append(std::uint32_t size) {
        auto* at = out_.grow(4 + size);
        store(at, size);
        return at + 4;
    }

  private:
    void read() {
        socket_.async_read_some(asio::buffer(in_.data() + filled_, in_.size() - filled_),
                                [self = shared_from_this()](std::error_code ec, std::size_t n) {
                                    if (!ec) self->on_read(n);
                                });
    }

    void on_read(std::size_t n) {
        filled_ += n;
        on_batch();
        std::size_t at = 0;
        while (filled_ - at >= 4 && filled_ - at >= 4 + load(in_.data() + at)) {
            const auto size = load(in_.data() + at);
            if (size < 4) return;
            on_frame(in_.data() + at + 4, size);
            at += 4 + size;
        }
        std::memmove(in_.data(), in_.data() + at, filled_ -= at);
        if (filled_ == in_.size()) in_.resize(2 * in_.size());
        flush();
        read();
    }

    // What is answered while a write is under way leaves with the next one.
    void flush() {
        if (writing_ || out_.size() == 0) return;
        writing_ = true;
        std::swap(out_, leaving_);
        asio::async_write(socket_, asio::buffer(leaving_.data(), leaving_.size()),
                          [self = shared_from_this()](std::error_code ec, std::size_t) {
                              self->writing_ = false;
                              self->leaving_.clear();
                              if (!ec) self->flush();
                          });
    }

    tcp::socket socket_;
    bytes in_;
    buffer out_, leaving_;
    std::size_t filled_ = 0;
    bool writing_ = false;
};

class server_end final : public end {
    using end::end;
    void on_frame(const unsigned char* body, std::uint32_t size) override {
        const auto wanted = load(body);
        std::memcpy(append(wanted), body, std::min(wanted, size));
    }
};

class client_end final : public end {
  public:
    client_end(tcp::socket socket, const bench::arguments& a, bench::histogram& latencies)
        : end(std::move(socket)),
          in_flight_(a.in_flight),
          call_(a.size == 0 ? add.call : echo_overhead.call + a.size),
          latencies_(latencies) {
        const auto answer = a.size == 0 ? add.answer : echo_overhead.answer + a.size;
        store(call_.data(), static_cast<std::uint32_t>(answer));
    }

  private:
    void begin() override {
        now_ = bench::clock::now();
        for (int i = 0; i < in_flight_; ++i) call();
    }
    void on_batch() override { now_ = bench::clock::now(); }
    void on_frame(const unsigned char*, std::uint32_t) override {
        latencies_.add(now_ - begun_.front());
        begun_.pop_front();
        call();
    }
    void call() {
        begun_.push_back(now_);
        std::memcpy(append(static_cast<std::uint32_t>(call_.size())), call_.data(), call_.size());
    }

    int in_flight_;
    bytes call_;
    bench::histogram& latencies_;
    bench::clock::time_point now_;
    std::deque<bench::clock::time_point> begun_; // answers come in order
};

void accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([&](std::error_code ec, tcp::socket socket) {
        if (!ec) std::make_shared<server_end>(std::move(socket))->start();
        accept(acceptor);
    });
}

void serve(std::uint16_t port) {
    asio::io_context loop(1);
    tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), port));
    accept(acceptor);
    bench::say_ready(acceptor.local_endpoint().port());
    loop.run();
}

void measure(const bench::arguments& a) {
    asio::io_context loop(1);
    bench::histogram latencies;
    for (int i = 0; i < a.connections; ++i) {
        tcp::socket socket(loop);
        socket.connect({asio::ip::address_v4::loopback(), a.port});
        std::make_shared<client_end>(std::move(socket), a, latencies)->start();
    }
    bench::measure(a.span, latencies,
                   [&](bench::clock::duration span) { bench::run_loop(loop, span); });
}

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, serve, measure);
}
