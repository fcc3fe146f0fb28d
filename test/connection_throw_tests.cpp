#include "support/test.hpp"

#include <stdexcept>

#include <oocrpc/connection.hpp>
#include <oocrpc/native_codec.hpp>
#include <oocrpc/service.hpp>

using namespace oocrpc;

TEST_SUITE("connection") {

TEST_CASE("what a completion handler throws reaches the loop, and the calls beside it go on") {
    asio::io_context io;
    service demo("demo");
    demo.on("echo", [](context&, message call) { return message::reply(0, call.body); });
    auto [here, there] = make_stream_pair(io.get_executor(), io.get_executor());
    auto callee = connection::start(std::move(there), std::make_unique<native_codec>(),
                                    std::make_shared<const handler>(demo));
    auto caller = connection::start(std::move(here), std::make_unique<native_codec>(), nullptr);
    int told = 0;
    auto on_loop = [&](auto f) { return asio::bind_executor(io.get_executor(), f); };
    asio::post(io, [&] {
        // Both answers arrive in one read.
        caller->async_call(message::call("demo.echo"), {}, on_loop([](std::error_code, message) {
                               throw std::runtime_error("x");
                           }));
        caller->async_call(message::call("demo.echo"), {},
                           on_loop([&](std::error_code ec, message) {
                               CHECK_FALSE(ec);
                               ++told;
                           }));
    });
    CHECK_THROWS_WITH([&] { io.run_for(std::chrono::seconds(5)); }(), "x");
    while (told == 0 && io.run_one_for(std::chrono::seconds(5)) > 0) {
    }
    CHECK(told == 1);
    CHECK_FALSE(caller->closed());
    caller->close(rpc_error(errc::unavailable, "the end"));
    callee->close(rpc_error(errc::unavailable, "the end"));
    io.run_for(std::chrono::seconds(5));
    CHECK(io.stopped());
}

} // TEST_SUITE("connection")
