#pragma once

#include <oocrpc/byte_buffer.hpp>

namespace oocrpc::mongodb {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `data`: the checksum of OP_MSG.
std::uint32_t crc32c(bytes data) noexcept;

} // namespace oocrpc::mongodb
