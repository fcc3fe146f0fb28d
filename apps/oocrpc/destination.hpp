#pragma once

#include <string>

#include <oocrpc/client.hpp>

namespace oocrpc::cli {

/// Where the server is, and how to get there.
struct destination {
    std::string url;
    client_options how;
};

} // namespace oocrpc::cli
