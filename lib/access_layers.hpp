#pragma once

#include <memory>

#include <oocrpc/access_control.hpp>
#include <oocrpc/handler.hpp>

namespace oocrpc {

/// Answers logins, calls of `oocrpc.sasl_start` and `oocrpc.sasl_continue`, and looks at tokens.
/// Whoever has neither logged in nor brings a token gets no further, but for `oocrpc.hello` and
/// `oocrpc.ping`.
handler logged_in_first(handler inner, std::shared_ptr<const access_control> access);

/// Refuses what the caller's roles do not allow with `permission_denied`. Methods of the service
/// `oocrpc` are everybody's.
handler authorised(handler inner, std::shared_ptr<const access_control> access);

} // namespace oocrpc
