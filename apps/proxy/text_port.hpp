#pragma once

#include <memory>
#include <string>

#include "host/text_server.hpp"

#include "reply_cache.hpp"

namespace oocrpc::proxy {

/// Writes the result of `method`, called without arguments, to whoever connects, by way of the
/// cache: a client that hangs up leaves as a caller does. Where the result is no string, or an
/// error, the client gets nothing, and the log says why.
host::text_function text_of(std::shared_ptr<reply_cache> replies, std::string method);

} // namespace oocrpc::proxy
