#pragma once

#include <cstddef>
#include <string>

#include <oocrpc/bson.hpp>
#include <oocrpc/call_options.hpp>

#include <support/login.hpp>

namespace oocrpc::cli {

/// What a benchmark does.
struct bench_plan {
    apps::destination server;
    std::string method;
    bson::value arguments; ///< encoded once, sent with every call
    call_options options;
    std::size_t connections = 1; ///< of all threads together
    std::size_t in_flight = 1;   ///< calls, on each connection
    std::size_t threads = 1;
    double seconds = 10;
    double warmup = 1; ///< seconds before that, which do not count
    bool as_json = false;
};

} // namespace oocrpc::cli
