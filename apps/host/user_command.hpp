#pragma once

#include <string>

#include <oocrpc/option.hpp>

namespace host {

/// What the command `user` is asked for.
struct user_request {
    std::string action; ///< one of user_actions()
    std::string name;   ///< empty: none was given
    oocrpc::option_values options;
};

/// Lists and changes the users of a file, and returns the exit code. Throws failure and rpc_error
/// as host::main() understands them.
int manage_users(const user_request& what);

} // namespace host
