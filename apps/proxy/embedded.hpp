#pragma once

#include <string>

#include "host/host.hpp"

namespace oocrpc::proxy {

/// Serves poems inside this process, on a port of the loopback interface that the system picks, and
/// returns the URL: an upstream server to try the proxy with.
std::string serve_poetry(host::loop& loop);

/// Three commands to try, for a proxy that listens at `url` and writes text at `text`.
std::string commands_to_try(const std::string& url, const std::string& text);

} // namespace oocrpc::proxy
