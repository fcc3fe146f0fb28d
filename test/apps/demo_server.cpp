// A server for the tests of the command line client: some methods of the conformance service.
// Prints its URL behind `ready` and serves until it is ended.
//
//     demo_server [URL]

#include <iostream>
#include <map>

#include <oocrpc/oocrpc.hpp>

namespace {

using oocrpc::awaitable;
using oocrpc::context;
using oocrpc::method;
using oocrpc::sink;
using oocrpc::stream;

struct stats {
    int in_flight = 0;
    int cancelled = 0;
};
stats now;

// Counts a call while its coroutine lives, and that it was left early.
struct counted {
    context& c;
    explicit counted(context& of) : c(of) { ++now.in_flight; }
    ~counted() {
        --now.in_flight;
        if (c.cancelled()) ++now.cancelled;
    }
};

constexpr method<int(int, int)> add{"demo.add", {"a", "b"}};
constexpr method<oocrpc::json(oocrpc::json)> echo{"demo.echo", {"value"}};
constexpr method<int(int)> sleep_ms{"demo.sleep_ms", {"ms"}};
constexpr method<void(std::string, std::string)> fail{"demo.fail", {"message", "detail"}};
constexpr method<void()> noreply{"demo.noreply"};
constexpr method<stream<int>(int)> count{"demo.count", {"n"}};
constexpr method<stream<int>(int, int)> count_slow{"demo.count_slow", {"n", "ms"}};
constexpr method<std::map<std::string, std::string>()> whoami{"demo.whoami"};
constexpr method<stats()> get_stats{"demo.stats"};

awaitable<int> sleep(context& c, int ms) {
    const counted one(c);
    const std::chrono::milliseconds span(ms);
    co_await oocrpc::sleep_for(span);
    co_return ms;
}

awaitable<void> send_numbers(context& c, int n, int ms, sink<int>& out) {
    const counted one(c);
    c.open_stream();
    const std::chrono::milliseconds pause(ms);
    for (int i = 0; i < n; ++i) {
        if (ms) co_await oocrpc::sleep_for(pause);
        co_await out.send(i);
    }
}

oocrpc::service make_demo() {
    oocrpc::service demo("demo");
    demo.on(add, [](int a, int b) { return a + b; })
        .on(echo, [](oocrpc::json value) { return value; })
        .on(sleep_ms, [](context& c, int ms) { return sleep(c, ms); })
        .on(fail,
            [](std::string message, std::string detail) {
                throw oocrpc::rpc_error(std::move(message), std::move(detail));
            })
        .on(noreply, [] {})
        .on(count, [](context& c, int n, sink<int>& out) { return send_numbers(c, n, 0, out); })
        .on(count_slow,
            [](context& c, int n, int ms, sink<int>& out) { return send_numbers(c, n, ms, out); })
        .on(whoami,
            [](context& c) {
                return std::map<std::string, std::string>(c.meta().begin(), c.meta().end());
            })
        .on(get_stats, [] { return now; });
    return demo;
}

} // namespace

int main(int argc, char** argv) {
    asio::io_context loop(1);
    oocrpc::server server(loop.get_executor());
    const auto at = server.listen(argc > 1 ? argv[1] : "oocrpc://127.0.0.1:0");
    std::cout << "ready " << at.to_string() << std::endl;
    asio::co_spawn(loop, server.run(make_demo()), [](std::exception_ptr) {});
    loop.run();
}
