#pragma once

// What the programs of the vocabulary share.

#include <oocrpc/oocrpc.hpp>

#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using oocrpc::awaitable;
using poem_promise = oocrpc::promise<std::string>;

inline std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

// Runs a coroutine to its end on a clock that does not wait: when all is said that can be said now,
// the time is that of the next timer.
inline void run(awaitable<void> main) {
    asio::io_context io(1);
    auto& time = oocrpc::clock::of(io);
    time.use_virtual();
    asio::co_spawn(io, std::move(main), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    do {
        io.restart();
        io.poll();
    } while (time.advance_to_next());
}

// Somebody who waits for a poem.
inline awaitable<void> read(std::string name, poem_promise poem) {
    try {
        std::string text = co_await poem.wait();
        std::cout << name << " reads: " << text << '\n';
    } catch (const std::exception& e) {
        std::cout << name << " gets no poem: " << e.what() << '\n';
    }
}

// A poem from a server that takes that long, or fails after that time.
inline awaitable<std::string> poem_from(std::string server, oocrpc::duration time) {
    try {
        co_await oocrpc::sleep_for(time);
    } catch (const oocrpc::rpc_error&) {
        std::cout << server << " is told to stop\n";
        throw;
    }
    if (server == "broken") throw std::runtime_error("out of poems");
    co_return "a poem from " + server;
}
