#pragma once

#include <memory>

#include <oocrpc/handler.hpp>

#include "upstreams.hpp"

namespace oocrpc::proxy {

/// Passes every call on to an upstream server, and its answer back.
///
/// Arguments, results and items go through byte for byte and are never parsed; so do metadata,
/// errors with message, detail and code, and whether a call is one-way. A stream goes through item
/// by item: an item is taken from the server when the caller has taken those before it, so that a
/// slow caller slows the server down. A deadline is passed on as what is left of it, none as none.
/// Where the caller gives up, hangs up or runs out of time the server is told to stop.
///
/// Metadata of single items is not passed on. Runs on the thread of `to`.
handler forward(std::shared_ptr<upstreams> to);

} // namespace oocrpc::proxy
