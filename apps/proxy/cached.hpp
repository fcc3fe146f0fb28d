#pragma once

#include <memory>

#include <oocrpc/handler.hpp>

#include "reply_cache.hpp"

namespace oocrpc::proxy {

/// The layer that serves the methods which `replies` covers from memory; all other calls, and those
/// that are one-way, go to `inner`.
///
/// A hit is answered at once, inside the read loop. Others wait for reply_cache::get. The caller's
/// wish for a stream is dropped, as what is kept is one value: a method that streams gives its
/// items as one array. To callers that take metadata the answer says where it came from,
/// `oocrpc-cache` = hit, miss or joined, and for a hit `oocrpc-age` in whole seconds.
handler cached(handler inner, std::shared_ptr<reply_cache> replies);

} // namespace oocrpc::proxy
