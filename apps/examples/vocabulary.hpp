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
