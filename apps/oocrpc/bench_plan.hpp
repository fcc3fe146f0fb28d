#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <oocrpc/bson.hpp>
#include <oocrpc/call_options.hpp>

#include <support/login.hpp>

namespace oocrpc::cli {

/// What a benchmark does.
struct bench_plan {
    /// From a call of a lane to its next; 0 without a rate.
    std::chrono::nanoseconds interval() const {
        const auto lanes = static_cast<double>(connections * in_flight);
        return std::chrono::nanoseconds(rate > 0 ? static_cast<std::int64_t>(1e9 * lanes / rate)
                                                 : 0);
    }

    apps::destination server;
    std::string method;
    bson::value arguments; ///< encoded once, sent with every call
    call_options options;
    std::size_t connections = 1; ///< of all threads together
    std::size_t in_flight = 1;   ///< calls, on each connection
    std::size_t threads = 1;
    double rate = 0; ///< calls a second, of all lanes together; 0: each when the last is answered
    double seconds = 10;
    double warmup = 1; ///< seconds before that, which do not count
    bool as_json = false;
};

} // namespace oocrpc::cli
