// Our side of base_peer_test.py: `serve` prints its URL and serves until standard input ends;
// `call URL N` makes N calls at once and checks each answer.

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/service.hpp>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>

#include <iostream>
#include <unistd.h>

using namespace oocrpc;

namespace {

constexpr method<int(int, int)> add{"add", {"a", "b"}};
constexpr method<int(int, int)> add_later{"add_later", {"a", "b"}};
constexpr method<void()> nothing{"nothing"}, fail{"fail"}, last{"last"};

void rethrow(std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
}

int serve() {
    asio::io_context io;
    service s{""};
    s.on(add, [](int a, int b) { return a + b; }).on(nothing, [] {});
    s.on(add_later, [](int a, int b) -> awaitable<int> {
        for (int turns = a % 7; turns > 0; --turns) co_await asio::post(use_awaitable);
        co_return a + b;
    });
    server_options options;
    options.limit.max_in_flight = 100'000; // a base peer cannot know of a limit
    server here(io.get_executor(), options);
    std::cout << here.listen("oocrpc://127.0.0.1:0").to_string() << std::endl;
    asio::co_spawn(io, here.run(s), rethrow);
    asio::posix::stream_descriptor input(io, ::dup(0));
    char byte;
    asio::async_read(input, asio::buffer(&byte, 1),
                     [&](std::error_code, std::size_t) { here.drain(); });
    io.run();
    return 0;
}

int call(const char* url, int n) {
    asio::io_context io;
    int right = 0, next = 0;
    bool in_order = true, cancelled = false, failed = false;
    client db(io.get_executor(), url);
    auto one = [&](int i) -> awaitable<void> {
        if (co_await db.call(add, i, 1) == i + 1) ++right;
        in_order = in_order && next++ == i;
    };
    auto given_up = [&]() -> awaitable<void> {
        try {
            co_await db.call(nothing);
        } catch (const rpc_error& e) {
            cancelled = e.code() == errc::cancelled;
        }
    };
    asio::cancellation_signal stop;
    auto main = [&]() -> awaitable<void> {
        co_await db.call(nothing);
        for (int i = 0; i < n; ++i) {
            asio::co_spawn(io, one(i), rethrow);
            if (i == n / 2) {
                asio::co_spawn(io, given_up(), asio::bind_cancellation_slot(stop.slot(), rethrow));
                asio::post(io, [&] { stop.emit(asio::cancellation_type::terminal); });
            }
        }
        co_await db.notify(nothing);
        try {
            co_await db.call(fail);
        } catch (const rpc_error& e) {
            failed = e.message() == "mine" && e.detail() == "as asked";
        }
        co_await db.call(last);
        db.close();
    };
    asio::co_spawn(io, main(), rethrow);
    io.run();
    if (right == n && in_order && cancelled && failed) return 0;
    std::cerr << right << " of " << n << ", in order " << in_order << ", cancelled " << cancelled
              << ", failed " << failed << std::endl;
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "serve") return serve();
    if (what == "call" && argc == 4) return call(argv[2], std::stoi(argv[3]));
    return 64;
}
