#pragma once

#include <oocrpc/codec.hpp>

#include "pending_requests.hpp"

namespace oocrpc::mongodb {

/// Appends the answer `m`, a reply or an error, to the request `to`, uncompressed.
///
/// A document, or the documents of a batch together, above `limit` bytes are too_large. Throws
/// rpc_error for text that BSON cannot hold. Unless `done`, and after an exception, `out` holds a
/// part of it.
encoded write_answer(const message& m, const request& to, std::int32_t request_id,
                     std::size_t limit, byte_buffer& out);

} // namespace oocrpc::mongodb
