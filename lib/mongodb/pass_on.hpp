#pragma once

#include "methods.hpp"

namespace oocrpc::mongodb {

// A proxy in front of another MongoDB server: what no method answers goes there as it is.

/// The method that takes the whole commands of a database, `database.$cmd`; null where the inner
/// handler describes none.
awaitable<std::shared_ptr<const known_method>> command_method(const layer& of, context& c,
                                                              std::string_view database);

/// Calls `to` with `command`, without the keys that are for this server alone, and answers with the
/// reply document that comes back.
awaitable<message> pass_on(const layer& of, context& c, std::shared_ptr<const known_method> to,
                           bytes command);

/// The command that a call stands for which was read as one: `{name: arguments}`.
void write_command(const message& call, byte_buffer& out);

} // namespace oocrpc::mongodb
