#pragma once

#include <oocrpc/codec.hpp>

namespace oocrpc {

/// Appends `m` as a frame of the native protocol, whose body takes at most `limit` bytes, or says
/// why not and leaves `out` as it was. The body of `m` is taken as it is.
encoded write_native(const message& m, std::size_t limit, byte_buffer& out);

} // namespace oocrpc
