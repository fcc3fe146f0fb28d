// A program outside of the source tree that uses the installed library: a service and a client in
// one event loop. Exit 0 where all is well.
#include <oocrpc/oocrpc.hpp>

#include <iostream>

namespace {

inline constexpr oocrpc::method<int(int, int)> add{"calc.add", {"a", "b"}};

oocrpc::awaitable<void> ask(oocrpc::server& server, std::string address, int& sum) {
    oocrpc::client calc = co_await oocrpc::connect(address);
    sum = co_await calc.call(add, 2, 3);
    server.drain();
}

} // namespace

int main() {
    asio::io_context io(1);
    oocrpc::service calc{"calc"};
    calc.on(add, [](int a, int b) { return a + b; });
    oocrpc::server server(io.get_executor());
    const auto address = server.listen("oocrpc://127.0.0.1:0").to_string();
    auto rethrow = [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    };
    int sum = 0;
    asio::co_spawn(io, server.run(calc), rethrow);
    asio::co_spawn(io, ask(server, address, sum), rethrow);
    io.run();
    std::cout << "2 + 3 = " << sum << "\n";
    return sum == 5 ? 0 : 1;
}
