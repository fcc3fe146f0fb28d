// The transform service by itself, for tests of whole programs: transform_server URL.

#include <iostream>

#include <oocrpc/server.hpp>
#include <transform/transform.hpp>

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    asio::io_context io(1);
    oocrpc::server server(io.get_executor());
    const auto at = server.listen(argv[1]);
    asio::co_spawn(io, server.run(transform::make_transform()), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    std::cout << "transform: ready on " << at.to_string() << std::endl;
    io.run();
}
