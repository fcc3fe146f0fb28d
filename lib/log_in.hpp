#pragma once

#include <memory>

#include <oocrpc/client_login.hpp>
#include <oocrpc/connection.hpp>

namespace oocrpc::detail {

/// Logs in by calls of the service `oocrpc`, SCRAM-SHA-256 (RFC 7677) or with the certificate of
/// the connection, on one that nobody else has yet.
///
/// Throws `unauthenticated` with the reason where the server refuses or cannot show that it knows
/// the password, and what a call throws whose answer does not come. The connection stays open.
awaitable<void> log_in(std::shared_ptr<connection> c, std::shared_ptr<client_login> as,
                       call_deadline until);

} // namespace oocrpc::detail
