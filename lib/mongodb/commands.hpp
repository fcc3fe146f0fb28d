#pragma once

#include <memory>

#include <oocrpc/access_control.hpp>
#include <oocrpc/call_registry.hpp>
#include <oocrpc/handler.hpp>

#include "command_options.hpp"

namespace oocrpc::mongodb {

/// Answers MongoDB's own commands, and maps what drivers do onto the methods of `inner` (PROTOCOL
/// 2.1 and 2.2). Calls of other protocols pass untouched.
///
/// A method's name is looked up once for a connection, by `oocrpc.describe` of `inner`; after that
/// a call of it costs one more hash lookup. `registry` holds cursors and suspended calls, for the
/// layers of all threads. With `access` clients log in first.
handler answer_commands(handler inner, std::shared_ptr<call_registry> registry,
                        command_options options = {},
                        std::shared_ptr<const access_control> access = nullptr);

} // namespace oocrpc::mongodb
