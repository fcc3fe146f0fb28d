// Thrift as a reference of the benchmarks: TThreadedServer, that is a thread for each connection,
// on both sides. ../bench_client.hpp tells the command line.
//
// Chosen to be as fast as Thrift can: its binary protocol; code generated with `templates`, so that
// nothing on the way of a call is virtual; TBufferedTransport, of which one receive takes in all
// the calls that are there, while TFramedTransport needs two for each; buffers that hold the
// largest call, where the usual 512 bytes make several system calls of it. That each call and each
// answer is written alone is Thrift's own way, and left.

#include <atomic>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>

#include "Demo.h"
#include "bench_client.hpp"

namespace {

using namespace apache::thrift;
using peers::thrift_demo::DemoClientT;
using peers::thrift_demo::DemoIf;
using peers::thrift_demo::DemoProcessorT;

using buffered = transport::TBufferedTransport;
using protocol_type = protocol::TBinaryProtocolT<buffered>;

constexpr std::uint32_t buffer_size = 128 << 10; // bytes

/// Thrift 0.17 counts the strings of all messages towards the limit of one, so that a connection
/// dies after 100 MB of them: here, each message counts from nothing.
class endless : public buffered {
  public:
    using buffered::buffered;
    std::uint32_t readEnd() override {
        resetConsumedMessageSize();
        return 0;
    }
};

std::shared_ptr<buffered> buffer(std::shared_ptr<transport::TTransport> socket) {
    return std::make_shared<endless>(std::move(socket), buffer_size);
}

class buffers : public transport::TTransportFactory {
  public:
    std::shared_ptr<transport::TTransport>
    getTransport(std::shared_ptr<transport::TTransport> socket) override {
        return buffer(std::move(socket));
    }
};

class demo : public DemoIf {
  public:
    std::int32_t add(std::int32_t a, std::int32_t b) override { return a + b; }
    void echo(std::string& answer, const std::string& data) override { answer = data; }
};

class tell_ready : public server::TServerEventHandler {
  public:
    explicit tell_ready(transport::TServerSocket& socket) : socket_(socket) {}
    void preServe() override { bench::say_ready(socket_.getPort()); }

  private:
    transport::TServerSocket& socket_;
};

void serve(std::uint16_t port) {
    const auto socket = std::make_shared<transport::TServerSocket>("127.0.0.1", port);
    server::TThreadedServer server(
        std::make_shared<DemoProcessorT<protocol_type>>(std::make_shared<demo>()), socket,
        std::make_shared<buffers>(),
        std::make_shared<protocol::TBinaryProtocolFactoryT<buffered>>());
    server.setServerEventHandler(std::make_shared<tell_ready>(*socket));
    server.serve();
}

/// What all connections follow.
struct phase {
    std::atomic<bool> counting = false, over = false;
};

/// The body of a thread. If it fails the program ends: the other threads wait for nothing else.
void or_exit(const std::function<void()>& body) try { body(); } catch (const std::exception& e) {
    std::fprintf(stderr, "thrift_echo: %s\n", e.what());
    std::_Exit(1);
}

/// A connection, whose calls are pipelined: several are sent before the first is answered. They are
/// answered in their order.
class connection {
  public:
    connection(const bench::arguments& a, const phase& phase)
        : in_flight_(a.in_flight),
          payload_(bench::payload(a.size)),
          phase_(phase),
          socket_(std::make_shared<transport::TSocket>("127.0.0.1", a.port)),
          client_(std::make_shared<protocol_type>(buffer(socket_))),
          started_(static_cast<std::size_t>(a.in_flight)) {
        socket_->open();
    }

    /// Returns when the phase is over and all is answered.
    void run() {
        // A socket takes that much at least. If there is more on the way, and each end waits until
        // the other reads, neither goes on: then one thread sends and another receives.
        const bool fits = in_flight_ == 1 || payload_.size() * started_.size() <= 64 << 10;
        if (fits) {
            for (int i = 0; i < in_flight_; ++i) send();
            receive_all([this] { send(); });
            return;
        }
        std::counting_semaphore<> may_send(in_flight_);
        std::atomic<bool> done = false;
        sender_ = std::thread(or_exit, [&] {
            for (may_send.acquire(); !done; may_send.acquire()) send();
        });
        receive_all([&] { may_send.release(); });
        done = true;
        may_send.release();
        sender_.join();
    }

    const bench::histogram& latencies() const { return latencies_; }

  private:
    template <class Next> void receive_all(Next next) {
        for (int ended = 0; ended < in_flight_;) {
            receive();
            if (phase_.over)
                ++ended;
            else
                next();
        }
    }

    void send() {
        started_[sent_++ % started_.size()] = bench::clock::now();
        if (payload_.empty())
            client_.send_add(2, 3);
        else
            client_.send_echo(payload_);
    }

    void receive() {
        if (payload_.empty()) {
            bench::expect_sum(client_.recv_add());
        } else {
            client_.recv_echo(answer_);
            bench::expect_echo(answer_, payload_);
        }
        const auto started = started_[received_++ % started_.size()].load();
        if (phase_.counting) latencies_.add(bench::clock::now() - started);
    }

    int in_flight_;
    std::string payload_, answer_;
    const phase& phase_;
    std::shared_ptr<transport::TSocket> socket_;
    DemoClientT<protocol_type> client_;
    std::vector<std::atomic<bench::clock::time_point>> started_; // a ring
    std::size_t sent_ = 0, received_ = 0;
    bench::histogram latencies_;
    std::thread sender_; // if one is not enough
};

void measure(const bench::arguments& a) {
    phase phase;
    std::vector<std::unique_ptr<connection>> connections;
    for (int i = 0; i < a.connections; ++i)
        connections.push_back(std::make_unique<connection>(a, phase));
    std::vector<std::thread> threads;
    for (const auto& c : connections) threads.emplace_back(or_exit, [&] { c->run(); });

    std::this_thread::sleep_for(a.span / 10);
    bench::stretch measured;
    phase.counting = true;
    std::this_thread::sleep_for(a.span);
    phase.counting = false;
    measured.stop();
    phase.over = true;
    for (auto& t : threads) t.join();

    bench::histogram all;
    for (const auto& c : connections) all += c->latencies();
    measured.print(all);
}

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, serve, measure);
}
