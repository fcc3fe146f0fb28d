#pragma once

#include <memory>
#include <string>

#include <oocrpc/component.hpp>

namespace oocrpc::proxy {

/// A poetry service inside this process, an upstream server to try the proxy with.
struct embedded_poetry {
    std::unique_ptr<component> server;
    std::string url; ///< a port of the loopback interface that the system picked, bound already
};
embedded_poetry serve_poetry(any_io_executor executor);

/// Three commands to try, for a proxy that listens at `url` and writes text at `text`.
std::string commands_to_try(const std::string& url, const std::string& text);

} // namespace oocrpc::proxy
