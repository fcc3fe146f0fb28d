// The service of the README.
#include "calc.hpp"

int main() {
    asio::io_context io(1);
    oocrpc::service calc{"calc"};
    calc.on(add, [](int a, int b) { return a + b; });
    oocrpc::server server(io.get_executor());
    server.listen("oocrpc://127.0.0.1:9001");
    asio::co_spawn(io, server.run(calc), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
