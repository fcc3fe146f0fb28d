#pragma once

#include <chrono>
#include <cstddef>

namespace oocrpc {

/// What one connection may use. Sizes are bytes.
struct limits {
    std::size_t max_message = 16u << 20; ///< one message; a longer one is `message_too_large`
    /// One message of a peer that has to log in and has not.
    std::size_t max_message_before_login = 64u << 10;
    std::size_t max_depth = 100;       ///< documents within documents
    std::size_t max_in_flight = 1024;  ///< calls of the peer that run; one more is `overloaded`
    std::size_t max_outgoing = 65536;  ///< calls to the peer; one more is `overloaded`
    std::size_t max_queued = 4u << 20; ///< bytes that wait to be sent before reading pauses
    std::chrono::milliseconds handshake_timeout{5'000}; ///< of TLS
    /// How long calls are still served that a peer sent before it heard of a drain.
    std::chrono::milliseconds drain_grace{250};
};

} // namespace oocrpc
