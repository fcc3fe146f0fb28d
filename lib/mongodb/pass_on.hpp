#pragma once

#include <optional>

#include "command_call.hpp"

namespace oocrpc::mongodb {

// A proxy in front of another MongoDB server: what no method answers goes there as it is, to the
// method that takes the whole commands of a database, `database.$cmd`. Nothing comes back where the
// inner handler describes none.

/// Passes the command on, without the keys that are for this server alone, and answers with the
/// reply document that comes back. `cmd` has to stay until then.
awaitable<std::optional<message>> pass_on(const command_call& cmd);
/// The same for a call that was read as one: `{name: arguments}`.
awaitable<std::optional<message>> pass_on(const layer& of, context& c, const message& call);

} // namespace oocrpc::mongodb
