// What Asio itself can do, as the reference of the benchmarks: frames of a 4-byte length and as
// many bytes, answered by shorter ones. No message is looked into, nothing is allocated for one.
//
//     raw_echo server PORT
//     raw_echo client PORT CONNECTIONS IN_FLIGHT SECONDS
//
// The frames are as long as those of demo.add(2, 3): a call with id and deadline, and its reply.
// Both sides read, work on every whole frame of the read, and write once, as the library does. The
// client prints calls_per_s, calls and seconds as JSON.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

namespace {

using asio::ip::tcp;
using bytes = std::vector<unsigned char>;

constexpr std::uint32_t call_size = 101; // bytes, without the length in front
constexpr std::uint32_t reply_size = 28;

void append_frame(bytes& out, std::uint32_t size) {
    const auto at = out.size();
    out.resize(at + 4 + size);
    for (int i = 0; i < 4; ++i)
        out[at + static_cast<std::size_t>(i)] = static_cast<unsigned char>(size >> (24 - 8 * i));
}

std::uint32_t length_at(const unsigned char* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

/// One end of a connection: for every frame that arrives, one of `answer_size` goes out.
class end : public std::enable_shared_from_this<end> {
  public:
    end(tcp::socket socket, std::uint32_t answer_size, std::uint64_t& frames)
        : socket_(std::move(socket)),
          answer_size_(answer_size),
          frames_(frames),
          in_(64 << 10) {
        socket_.set_option(tcp::no_delay(true));
    }

    /// Sends `n` frames first.
    void start(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) append_frame(out_, answer_size_);
        read();
        flush();
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
        std::size_t at = 0;
        while (filled_ - at >= 4 && filled_ - at >= 4 + length_at(in_.data() + at)) {
            at += 4 + length_at(in_.data() + at);
            append_frame(out_, answer_size_);
            ++frames_;
        }
        std::memmove(in_.data(), in_.data() + at, filled_ -= at);
        if (filled_ == in_.size()) return; // a frame that is none of ours
        flush();
        read();
    }

    // What is answered while a write is under way leaves with the next one.
    void flush() {
        if (writing_ || out_.empty()) return;
        writing_ = true;
        std::swap(out_, leaving_);
        asio::async_write(socket_, asio::buffer(leaving_),
                          [self = shared_from_this()](std::error_code ec, std::size_t) {
                              self->writing_ = false;
                              self->leaving_.clear();
                              if (!ec) self->flush();
                          });
    }

    tcp::socket socket_;
    std::uint32_t answer_size_;
    std::uint64_t& frames_;
    bytes in_, out_, leaving_;
    std::size_t filled_ = 0;
    bool writing_ = false;
};

void accept(tcp::acceptor& acceptor, std::uint64_t& frames) {
    acceptor.async_accept([&](std::error_code ec, tcp::socket socket) {
        if (!ec) std::make_shared<end>(std::move(socket), reply_size, frames)->start(0);
        accept(acceptor, frames);
    });
}

void serve(std::uint16_t port) {
    asio::io_context loop(1);
    tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), port));
    std::uint64_t frames = 0;
    accept(acceptor, frames);
    std::printf("ready on port %d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    loop.run();
}

void measure(std::uint16_t port, int connections, std::size_t in_flight, double seconds) {
    using clock = std::chrono::steady_clock;
    asio::io_context loop(1);
    std::uint64_t frames = 0;
    for (int i = 0; i < connections; ++i) {
        tcp::socket socket(loop);
        socket.connect({asio::ip::address_v4::loopback(), port});
        std::make_shared<end>(std::move(socket), call_size, frames)->start(in_flight);
    }
    const auto run_for = [&](double span) {
        loop.run_for(
            std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(span)));
    };
    run_for(seconds / 10); // to warm up
    frames = 0;
    const auto begin = clock::now();
    run_for(seconds);
    const double took = std::chrono::duration<double>(clock::now() - begin).count();
    std::printf("{\"calls_per_s\":%.1f,\"calls\":%llu,\"seconds\":%.3f}\n",
                static_cast<double>(frames) / took, static_cast<unsigned long long>(frames), took);
}

} // namespace

int main(int argc, char** argv) try {
    const std::string mode = argc > 2 ? argv[1] : "";
    const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 0);
    if (mode == "server" && argc == 3)
        serve(port);
    else if (mode == "client" && argc == 6)
        measure(port, std::atoi(argv[3]), static_cast<std::size_t>(std::atoi(argv[4])),
                std::atof(argv[5]));
    else {
        std::fputs("usage: raw_echo server PORT\n"
                   "       raw_echo client PORT CONNECTIONS IN_FLIGHT SECONDS\n",
                   stderr);
        return 64;
    }
} catch (const std::exception& e) {
    std::fprintf(stderr, "raw_echo: %s\n", e.what());
    return 1;
}
