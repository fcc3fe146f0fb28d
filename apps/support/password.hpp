#pragma once

#include <string>

#include <oocrpc/secret.hpp>

namespace oocrpc::apps {

// Where a password comes from: never the command line, which others can see. All throw failure, and
// none says anything of the password.

/// Asks on the terminal without echo. What ends the program meanwhile leaves the terminal as it
/// was. `instead` is what there is for programs without a terminal.
secret ask_password(const std::string& of_whom, const std::string& instead);
/// The same for a password that is new: asks twice.
secret ask_new_password(const std::string& of_whom, const std::string& instead);
/// The text of a file, without the line's end that editors put there.
secret password_in(const std::string& path);
/// The same of stdin, which must not be a terminal, where it would be seen.
secret password_on_stdin();

} // namespace oocrpc::apps
