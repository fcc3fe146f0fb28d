// The call that the README makes in six languages, in ours.
#include <oocrpc/oocrpc.hpp>

#include <iostream>

inline constexpr oocrpc::method<int(int, int)> add{"demo.add", {"a", "b"}};
oocrpc::awaitable<void> ask() {
    oocrpc::client demo = co_await oocrpc::connect("mongodb://127.0.0.1:9001");
    std::cout << co_await demo.call(add, 2, 3) << '\n';
}

int main() {
    asio::io_context io(1);
    asio::co_spawn(io, ask(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
