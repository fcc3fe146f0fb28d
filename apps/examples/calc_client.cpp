// The client of the README.
#include "calc.hpp"

#include <iostream>

oocrpc::awaitable<void> ask() {
    oocrpc::client calc = co_await oocrpc::connect("oocrpc://127.0.0.1:9001");
    std::cout << "2 + 3 = " << co_await calc.call(add, 2, 3) << '\n';
}

int main() {
    asio::io_context io(1);
    asio::co_spawn(io, ask(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
