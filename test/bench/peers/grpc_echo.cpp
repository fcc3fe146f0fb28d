// gRPC as a reference of the benchmarks: unary calls through the asynchronous API, one completion
// queue on one thread, on both sides. ../bench_client.hpp tells the command line.
//
// Chosen as its guides to performance advise, or to its favour: channels and stubs are kept; each
// channel is a connection of its own; enough calls are registered at the server; the minimal stack
// leaves out compression, deadlines and limits; messages keep their memory from call to call, and
// an echo swaps its bytes into the answer instead of copying them. gRPC has further threads, which
// cannot be turned off; they sleep.

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "bench_client.hpp"
#include "demo.grpc.pb.h"

namespace {

using namespace peers::grpc_demo;

// For each method. The server answers at once, so that this is enough for 256 calls in flight;
// 1,024 took a third more of its processor time, because the places for them leave the cache.
constexpr int registered = 64;

/// What a completion queue reports on.
class event {
  public:
    virtual ~event() = default;
    virtual void happened(bool ok) = 0;
};

/// A place for a call at the server: waits for one, answers it, and waits for the next.
template <class Method> class answering final : public event {
  public:
    answering(Demo::AsyncService& service, grpc::ServerCompletionQueue& queue)
        : service_(service),
          queue_(queue) {
        wait();
    }

    void happened(bool ok) override {
        if (answered_ || !ok) return wait();
        Method::answer(request_, reply_);
        answered_ = true;
        writer_->Finish(reply_, grpc::Status::OK, this);
    }

  private:
    void wait() {
        answered_ = false;
        writer_.reset();
        context_.emplace();
        writer_.emplace(&*context_);
        Method::wait(service_, *context_, request_, *writer_, queue_, this);
    }

    Demo::AsyncService& service_;
    grpc::ServerCompletionQueue& queue_;
    std::optional<grpc::ServerContext> context_;
    typename Method::request request_;
    typename Method::reply reply_;
    std::optional<grpc::ServerAsyncResponseWriter<typename Method::reply>> writer_;
    bool answered_ = false;
};

/// How the server waits for a call of a method, and the client starts one.
template <class Request, class Reply, auto wait_for, auto start_async> struct unary {
    using request = Request;
    using reply = Reply;

    static void wait(Demo::AsyncService& service, grpc::ServerContext& context, Request& request,
                     grpc::ServerAsyncResponseWriter<Reply>& writer,
                     grpc::ServerCompletionQueue& queue, event* tag) {
        (service.*wait_for)(&context, &request, &writer, &queue, &queue, tag);
    }
    static auto start(Demo::Stub& stub, grpc::ClientContext& context, const Request& request,
                      grpc::CompletionQueue& queue) {
        return (stub.*start_async)(&context, request, &queue);
    }
};

struct add : unary<Summands, Sum, &Demo::AsyncService::Requestadd, &Demo::Stub::Asyncadd> {
    static void answer(Summands& request, Sum& reply) {
        reply.set_value(request.a() + request.b());
    }

    static Summands make(std::size_t) {
        Summands request;
        request.set_a(2);
        request.set_b(3);
        return request;
    }

    static void expect(const Sum& reply, const Summands&) { bench::expect_sum(reply.value()); }
};

struct echo : unary<Bytes, Bytes, &Demo::AsyncService::Requestecho, &Demo::Stub::Asyncecho> {
    static void answer(Bytes& request, Bytes& reply) { reply.Swap(&request); }

    static Bytes make(std::size_t size) {
        Bytes request;
        request.set_data(bench::payload(size));
        return request;
    }

    static void expect(const Bytes& reply, const Bytes& request) {
        bench::expect_echo(reply.data(), request.data());
    }
};

/// What the calls of a client share.
struct measurement {
    bench::histogram latencies;
    bool over = false; // no more calls
};

/// A place for a call at the client: the answer starts the next one.
template <class Method> class calling final : public event {
  public:
    calling(Demo::Stub& stub, grpc::CompletionQueue& queue, const typename Method::request& request,
            measurement& running)
        : stub_(stub),
          queue_(queue),
          request_(request),
          running_(running) {
        start();
    }

    void happened(bool) override {
        if (!status_.ok()) throw std::runtime_error(status_.error_message());
        Method::expect(reply_, request_);
        running_.latencies.add(bench::clock::now() - started_);
        if (!running_.over) start();
    }

  private:
    void start() {
        started_ = bench::clock::now();
        call_.reset();
        context_.emplace();
        call_ = Method::start(stub_, *context_, request_, queue_);
        call_->Finish(&reply_, &status_, this);
    }

    Demo::Stub& stub_;
    grpc::CompletionQueue& queue_;
    const typename Method::request& request_;
    measurement& running_;
    bench::clock::time_point started_;
    std::optional<grpc::ClientContext> context_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<typename Method::reply>> call_;
    typename Method::reply reply_;
    grpc::Status status_;
};

bool next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue.Next(&tag, &ok)) return false;
    static_cast<event*>(tag)->happened(ok);
    return true;
}

void serve(std::uint16_t port) {
    Demo::AsyncService service;
    grpc::ServerBuilder builder;
    int listening = 0;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &listening);
    builder.SetResourceQuota(grpc::ResourceQuota().SetMaxThreads(1));
    builder.AddChannelArgument(GRPC_ARG_MINIMAL_STACK, 1);
    builder.RegisterService(&service);
    const auto queue = builder.AddCompletionQueue();
    const auto server = builder.BuildAndStart();
    if (!server || listening == 0) throw std::runtime_error("cannot listen");

    std::vector<std::unique_ptr<event>> calls;
    for (int i = 0; i < registered; ++i) {
        calls.push_back(std::make_unique<answering<add>>(service, *queue));
        calls.push_back(std::make_unique<answering<echo>>(service, *queue));
    }
    bench::say_ready(listening);
    while (next(*queue)) {
    }
}

template <class Method> void measure(const bench::arguments& a) {
    const auto request = Method::make(a.size);
    measurement running;
    grpc::CompletionQueue queue;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1); // else all share one connection
    arguments.SetInt(GRPC_ARG_MINIMAL_STACK, 1);
    std::vector<std::unique_ptr<Demo::Stub>> stubs;
    std::vector<std::unique_ptr<event>> calls;
    for (int i = 0; i < a.connections; ++i) {
        const auto channel = grpc::CreateCustomChannel(
            "127.0.0.1:" + std::to_string(a.port), grpc::InsecureChannelCredentials(), arguments);
        const auto& stub = stubs.emplace_back(Demo::NewStub(channel));
        for (int k = 0; k < a.in_flight; ++k)
            calls.push_back(std::make_unique<calling<Method>>(*stub, queue, request, running));
    }
    bench::measure(a.span, running.latencies, [&](bench::clock::duration span) {
        for (const auto end = bench::clock::now() + span; bench::clock::now() < end;) next(queue);
    });
    running.over = true;
    for (std::size_t i = 0; i < calls.size(); ++i) next(queue); // gRPC wants each of them to end
}

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, serve, [](const bench::arguments& a) {
        if (a.size == 0)
            measure<add>(a);
        else
            measure<echo>(a);
    });
}
