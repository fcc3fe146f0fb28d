#pragma once

#include <oocrpc/handler.hpp>

namespace oocrpc::proxy {

/// Keeps callers from the proxy's own connections to the servers behind it, which they all share:
/// what would begin or end a login there, or greet anew, is refused, all else goes to `inner`.
///
/// That is the service `oocrpc`, which nobody has got an answer from by now, and MongoDB's commands
/// of that kind, as methods and as whole commands, `database.$cmd`.
handler guarded(handler inner);

} // namespace oocrpc::proxy
