#pragma once

#include <string>

#include <oocrpc/secret.hpp>

namespace host {

// Where a password comes from: never the command line, which others can see. All throw failure, and
// none says anything of the password.

/// Asks on the terminal, twice and without echo. What ends the program meanwhile leaves the
/// terminal as it was.
oocrpc::secret ask_password(const std::string& of_whom);
/// The text of a file, without the line's end that editors put there.
oocrpc::secret password_in(const std::string& path);
/// The same of stdin, which must not be a terminal, where it would be seen.
oocrpc::secret password_on_stdin();

} // namespace host
