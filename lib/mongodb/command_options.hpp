#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "wire.hpp"

namespace oocrpc::mongodb {

/// How MongoDB's own commands are answered.
struct command_options {
    std::int32_t min_wire_version = 0;
    std::int32_t max_wire_version = 21; ///< that of MongoDB 7.0
    std::int32_t default_batch = 101;   ///< documents, where a command says nothing
    std::size_t batch_bytes = 16 << 20; ///< a batch ends there, but it holds one document
    /// A batch goes out that long after its first document, though it is not full.
    std::chrono::milliseconds batch_wait{20};
    /// A cursor that nobody asks for a batch ends.
    std::chrono::milliseconds idle{600'000};
    std::size_t most_stored = 64 << 20;         ///< bytes of results that these cursors hold
    std::size_t most_documents = largest_batch; ///< of one insert
    std::size_t most_known_methods = 10'000;    ///< that a connection remembers
};

} // namespace oocrpc::mongodb
