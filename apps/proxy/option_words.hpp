#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <oocrpc/url.hpp>

namespace oocrpc::proxy {

// The words of the command line and of the configuration. All throw std::exception that says what
// was expected and what was given.

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
