#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/description.hpp>
#include <oocrpc/method.hpp>

namespace oocrpc {

/// What a server says of itself.
struct hello_reply {
    std::string version;                        ///< of the library
    std::map<std::string, std::int64_t> limits; ///< by the names of oocrpc::limits; times in ms
    std::vector<std::string> features;          ///< keys and infos beyond the base protocol
};

/// What a server answers to a message of a login (SASL, RFC 4422).
struct sasl_reply {
    std::string payload; ///< the mechanism's next message
    bool done = false;   ///< who logged in is who they say
};

/// The methods that every service serves.
namespace built_in {

inline constexpr method<void()> ping{"oocrpc.ping"};
inline constexpr method<hello_reply()> hello{"oocrpc.hello"};
inline constexpr method<std::vector<std::string>()> list{"oocrpc.list"};
inline constexpr method<std::vector<method_description>(std::optional<std::string>)> describe{
    "oocrpc.describe", {"method"}};
// Served where users log in.
inline constexpr method<sasl_reply(std::string, std::string)> sasl_start{"oocrpc.sasl_start",
                                                                         {"mechanism", "payload"}};
inline constexpr method<sasl_reply(std::string)> sasl_continue{"oocrpc.sasl_continue", {"payload"}};

} // namespace built_in
} // namespace oocrpc
