#pragma once

#include "privileges.hpp"
#include "settings.hpp"

namespace host {

/// Who the process becomes, as the options say.
identity_options identity_of(const oocrpc::option_values& host);

/// What can be told of a configuration without starting it: whether users, groups and directories
/// are there, whether the plugins take their options, whether two components want one address.
///
/// Throws a failure as the start would. What only the start shows is not checked: addresses that
/// others have, permissions, hosts that do not answer.
void check(settings all);

} // namespace host
