#pragma once

#include "command_call.hpp"

namespace oocrpc::mongodb {

/// The method that `name`, `database.command`, stands for: the one of that name, else `command`
/// alone, as the inner handler describes it; remembered for the connection. Where nobody describes
/// either, the method of that name, not described. Uses the context for calls of its own.
awaitable<std::shared_ptr<const known_method>> resolve(const layer& of, context& c,
                                                       std::string name);
/// The same for a full name.
awaitable<std::shared_ptr<const known_method>> resolve_exactly(const layer& of, context& c,
                                                               std::string name);

/// Goes on as a call of `method` with `arguments`: at once or later, as the inner handler does.
maybe_awaitable<message> invoke(const layer& of, context& c, const known_method& method,
                                bson::value_view arguments);
/// The same, awaited, and what it sent as a stream is in the answer. What it throws is too, but for
/// a cancellation.
awaitable<message> invoke_all(const layer& of, context& c,
                              std::shared_ptr<const known_method> method,
                              bson::value_view arguments);

/// As invoke_all for what resolve() has returned: where nobody describes it, the method of that
/// name, else `command` alone.
awaitable<message> invoke_resolved(const layer& of, context& c,
                                   std::shared_ptr<const known_method> method,
                                   bson::value_view arguments);

bool is_no_such_method(const message& answer) noexcept;

/// What the inner handler lists: the full names of all methods. Empty where it lists nothing.
awaitable<std::vector<std::string>> list_methods(const layer& of, context& c);

} // namespace oocrpc::mongodb
