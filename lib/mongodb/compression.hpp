#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire.hpp"

namespace oocrpc::mongodb {

/// The compressors of OP_COMPRESSED, with the numbers of the protocol.
enum class compressor : std::uint8_t { noop = 0, snappy = 1, zlib = 2, zstd = 3 };

/// The name as hello has it, such as "zlib".
std::string_view to_string(compressor c) noexcept;
/// Nothing for a name that is unknown; noop has none that is ever agreed on.
std::optional<compressor> compressor_from(std::string_view name) noexcept;

/// Appends what `packed` holds, which has to be exactly `size` bytes.
///
/// `size` is somebody's claim: memory grows with what really comes out, and never beyond it.
/// Returns what is wrong, or an empty text; after an error `out` holds a part.
std::string decompress(compressor c, bytes packed, std::size_t size, byte_buffer& out);
/// Appends `plain`, compressed.
void compress(compressor c, bytes plain, byte_buffer& out);

/// Turns an OP_COMPRESSED into the message inside, which replaces what `out` held; `used` is the
/// compressor. The whole is at most `limit` bytes. Returns what is wrong, or an empty text.
std::string unpack(bytes message, std::size_t limit, byte_buffer& out, compressor& used);
/// Turns the message that stands in `out` from `start` to the end into an OP_COMPRESSED.
void pack(byte_buffer& out, std::size_t start, compressor c);

} // namespace oocrpc::mongodb
