#pragma once

#include "vocabulary.hpp"

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
