// Cap'n Proto as a reference of the benchmarks: its two-party protocol on one kj event loop, the
// calls of a connection pipelined. ../bench_client.hpp tells the command line.
//
// Chosen to be as fast as Cap'n Proto can: messages are made with the size that they will have, so
// that each is one allocation; a server lets the parameters go as soon as they are used; calls wait
// until the bootstrap object has arrived, because until then they would go to the promise of it.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <netinet/in.h>

#include "bench_client.hpp"
#include "demo.capnp.h"

namespace {

using peers::capnp_demo::Demo;

// Words of the messages, of 8 bytes: the root struct, its pointers, the data.
capnp::MessageSize size_of_add() {
    return {4, 0};
}
capnp::MessageSize size_of_echo(std::size_t bytes) {
    return {4 + (bytes + 7) / 8, 0};
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

class demo final : public Demo::Server {
  public:
    kj::Promise<void> add(AddContext context) override {
        const auto params = context.getParams();
        context.initResults(size_of_add()).setSum(params.getA() + params.getB());
        context.releaseParams();
        return kj::READY_NOW;
    }

    kj::Promise<void> echo(EchoContext context) override {
        const auto data = context.getParams().getData();
        context.initResults(size_of_echo(data.size())).setData(data);
        context.releaseParams();
        return kj::READY_NOW;
    }
};

void serve(std::uint16_t port) {
    auto io = kj::setupAsyncIo();
    auto address = loopback(port);
    auto listener = io.provider->getNetwork().getSockaddr(&address, sizeof(address))->listen();
    capnp::TwoPartyServer server(kj::heap<demo>());
    bench::say_ready(static_cast<int>(listener->getPort()));
    server.listen(*listener).wait(io.waitScope);
}

/// A connection with its calls in flight, each of which starts the next one when it is answered.
class connection {
  public:
    connection(kj::Own<kj::AsyncIoStream> stream, std::string_view payload,
               bench::histogram& latencies)
        : stream_(kj::mv(stream)),
          rpc_(*stream_),
          demo_(rpc_.bootstrap().castAs<Demo>()),
          payload_(payload),
          latencies_(latencies) {}

    kj::Promise<void> opened() { return demo_.whenResolved(); }

    /// One call after the other, until one fails.
    kj::Promise<void> calls() { return payload_.empty() ? add() : echo(); }

  private:
    kj::Promise<void> add() {
        const auto started = bench::clock::now();
        auto request = demo_.addRequest(size_of_add());
        request.setA(2);
        request.setB(3);
        return request.send().then([this, started](auto&& answer) {
            bench::expect_sum(answer.getSum());
            latencies_.add(bench::clock::now() - started);
            return add();
        });
    }

    kj::Promise<void> echo() {
        const auto started = bench::clock::now();
        auto request = demo_.echoRequest(size_of_echo(payload_.size()));
        request.setData(
            kj::arrayPtr(reinterpret_cast<const capnp::byte*>(payload_.data()), payload_.size()));
        return request.send().then([this, started](auto&& answer) {
            const auto data = answer.getData();
            bench::expect_echo({reinterpret_cast<const char*>(data.begin()), data.size()},
                               payload_);
            latencies_.add(bench::clock::now() - started);
            return echo();
        });
    }

    kj::Own<kj::AsyncIoStream> stream_;
    capnp::TwoPartyClient rpc_;
    Demo::Client demo_;
    std::string_view payload_;
    bench::histogram& latencies_;
};

/// Fails with the first of the calls that fails.
class all_calls : private kj::TaskSet::ErrorHandler {
  public:
    void add(kj::Promise<void> calls) { tasks_.add(kj::mv(calls)); }
    kj::Promise<void> failed() { return failed_.addBranch(); }

  private:
    void taskFailed(kj::Exception&& e) override { failure_.fulfiller->reject(kj::mv(e)); }

    kj::PromiseFulfillerPair<void> failure_ = kj::newPromiseAndFulfiller<void>();
    kj::ForkedPromise<void> failed_ = failure_.promise.fork();
    kj::TaskSet tasks_{*this};
};

void measure(const bench::arguments& a) {
    auto io = kj::setupAsyncIo();
    auto address = loopback(a.port);
    auto server = io.provider->getNetwork().getSockaddr(&address, sizeof(address));
    const auto payload = bench::payload(a.size);
    bench::histogram latencies;
    std::vector<std::unique_ptr<connection>> connections;
    for (int i = 0; i < a.connections; ++i) {
        connections.push_back(
            std::make_unique<connection>(server->connect().wait(io.waitScope), payload, latencies));
        connections.back()->opened().wait(io.waitScope);
    }
    all_calls calls;
    for (auto& c : connections)
        for (int i = 0; i < a.in_flight; ++i) calls.add(c->calls());

    auto& timer = io.provider->getTimer();
    bench::measure(a.span, latencies, [&](bench::clock::duration span) {
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
        timer.afterDelay(ns * kj::NANOSECONDS).exclusiveJoin(calls.failed()).wait(io.waitScope);
    });
}

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, serve, measure);
}
