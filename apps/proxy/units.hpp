#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <oocrpc/url.hpp>

namespace oocrpc::proxy {

// The words of the command line and of the configuration. All throw
// rpc_error(invalid_argument) that says what was expected and what was given.

/// `60s`, `1500ms`, `5m`, `1h`; the unit is required.
std::chrono::milliseconds parse_time(std::string_view text);

/// Bytes: `1000000`, `64MiB`, `1GB`; units are B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB.
std::size_t parse_size(std::string_view text);

/// `METHOD` or `METHOD=TTL`.
struct cached_method {
    std::string method;
    std::chrono::milliseconds ttl;
};
cached_method parse_cached_method(std::string_view text);

/// `HOST:PORT=METHOD`.
struct text_port {
    host_port at;
    std::string method;
};
text_port parse_text_port(std::string_view text);

} // namespace oocrpc::proxy
