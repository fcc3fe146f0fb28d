#pragma once

#include <chrono>
#include <cstddef>

namespace oocrpc {

/// What one connection may use. Sizes are bytes, a time of 0 is no limit; lib/LIMITS.md says what
/// happens beyond each.
struct limits {
    std::size_t max_message = 16u << 20; ///< one message; a longer one is `message_too_large`
    /// One message of a peer that has to log in and has not.
    std::size_t max_message_before_login = 64u << 10;
    std::size_t max_depth = 100;        ///< documents within documents
    std::size_t max_elements = 100'000; ///< of a document that a server reads, those within it too
    std::size_t max_in_flight = 1024;   ///< calls of the peer that run; one more is `overloaded`
    std::size_t max_outgoing = 65536;   ///< calls to the peer; one more is `overloaded`
    std::size_t max_queued = 4u << 20;  ///< bytes that wait to be sent before reading pauses
    std::size_t max_streams = 128;      ///< streams and cursors; one more is `overloaded`
    std::size_t max_cancels = 100;      ///< cancels of the peer within a second
    /// How long a peer that came to us may take for its first message, at the rate below.
    std::chrono::milliseconds first_frame_timeout{10'000};
    /// How long a message may take from its first byte to its last; and as long again as often as
    /// that time brought `frame_rate` bytes for each of its seconds.
    std::chrono::milliseconds frame_timeout{30'000};
    std::size_t frame_rate = 1024;
    /// How long a peer may read nothing of what waits for it.
    std::chrono::milliseconds write_timeout{30'000};
    /// How long a peer that came to us may be silent, with no call in flight either way.
    std::chrono::milliseconds idle_timeout{600'000};
    std::chrono::milliseconds handshake_timeout{5'000}; ///< of TLS
    /// How long calls are still served that a peer sent before it heard of a drain.
    std::chrono::milliseconds drain_grace{250};
};

} // namespace oocrpc
