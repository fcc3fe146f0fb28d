#pragma once

#include <memory>

#include <oocrpc/access_control.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/handler.hpp>

namespace oocrpc {

/// Whether the call is somebody's: of a user who has logged in and has not been removed since, or
/// of one whom a token names.
bool is_somebody(const access_control& access, const context& c);

/// Makes calls with a token their owner's, and refuses those whose token is nobody's. In front of
/// all else, so that a call is one user's from its beginning. Where no tokens are taken nothing is
/// looked at.
handler with_tokens(handler inner, std::shared_ptr<const access_control> access);

/// Answers logins, calls of `oocrpc.sasl_start` and `oocrpc.sasl_continue`. Calls that are nobody's
/// get no further, but for `oocrpc.hello` and `oocrpc.ping`.
handler logged_in_first(handler inner, std::shared_ptr<const access_control> access);

/// Refuses what the caller's roles do not allow with `permission_denied`. Everybody has
/// `oocrpc.hello` and `oocrpc.ping`, and whoever is_somebody() `oocrpc.list` and `oocrpc.describe`;
/// any other name is a method as all are, also one that begins with `oocrpc.`.
handler authorised(handler inner, std::shared_ptr<const access_control> access);

} // namespace oocrpc
