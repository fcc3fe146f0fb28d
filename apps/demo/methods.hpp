#pragma once

#include <map>
#include <optional>
#include <string>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/method.hpp>

namespace demo {

/// What `demo.whoami` answers.
struct identity {
    std::string peer;     ///< the caller's address, as the server sees it
    std::string protocol; ///< of the connection
    std::string user;     ///< empty: not authenticated
    std::map<std::string, std::string> metadata;
};

/// What `demo.stats` answers, since the start of the process; its own call is begun and in flight.
struct stats {
    std::int64_t begun = 0;
    std::int64_t finished = 0;
    std::int64_t failed = 0;
    std::int64_t cancelled = 0; ///< given up by the caller, or overtaken by their deadline
    std::int64_t in_flight = 0;
    std::int64_t connections = 0; ///< open
};

// The methods as a client in C++ calls them; README.md says what they do. `add` also takes int64
// and double, for which a client declares a method of its own.
inline constexpr oocrpc::method<int(int, int)> add{"demo.add", {"a", "b"}};
/// `add` by a coroutine that has its answer at once, and by one that lets the loop turn before it.
inline constexpr oocrpc::method<int(int, int)> add_coroutine{"demo.add_coroutine", {"a", "b"}};
inline constexpr oocrpc::method<int(int, int)> add_suspending{"demo.add_suspending", {"a", "b"}};
inline constexpr oocrpc::method<oocrpc::bson::value(oocrpc::bson::value)> echo{"demo.echo",
                                                                               {"value"}};
inline constexpr oocrpc::method<int(int)> sleep_ms{"demo.sleep_ms", {"ms"}};
inline constexpr oocrpc::method<void(std::string, std::optional<std::string>)> fail{
    "demo.fail", {"message", "detail"}};
inline constexpr oocrpc::method<void()> noreply{"demo.noreply"};
inline constexpr oocrpc::method<std::string(int)> big{"demo.big", {"n"}};
inline constexpr oocrpc::method<oocrpc::stream<int>(int)> count{"demo.count", {"n"}};
inline constexpr oocrpc::method<oocrpc::stream<int>(int, int)> count_slow{"demo.count_slow",
                                                                          {"n", "ms"}};
inline constexpr oocrpc::method<identity()> whoami{"demo.whoami"};
inline constexpr oocrpc::method<stats()> get_stats{"demo.stats"};

} // namespace demo
