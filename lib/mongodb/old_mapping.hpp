#pragma once

#include "command_call.hpp"

namespace oocrpc::mongodb {

// The mapping of 2011 (PROTOCOL 2.2): find on `backend.rpc` with {funcname, argstr: [array,
// document]}, which answers with one document, {$result: value} or {$error: {message, detail}}.

bool is_old_mapping(const command_call& cmd);
awaitable<message> call_old_mapping(command_call cmd);

/// A filter, or the one that it has under `$query`.
bson::value_view query_of(bson::value_view filter) noexcept;

} // namespace oocrpc::mongodb
