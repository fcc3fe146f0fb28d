#pragma once

#include <memory>
#include <string>

#include <oocrpc/client.hpp>

namespace oocrpc::apps {

// How a program's clients get a password: never from the command line, which others can see.

/// Whether a person may be asked.
enum class asking { no, yes };

/// A password: the text of `file`, unless that is empty, or of the file that the environment names
/// in OOCRPC_PASSWORD_FILE, or what OOCRPC_PASSWORD holds; else a person is asked for that
/// `of_whom`. Null where that is not wanted. Throws failure.
std::shared_ptr<const secret> find_password(const std::string& of_whom, const std::string& file,
                                            asking how);

/// Throws rpc_error(invalid_argument), whose text holds no password, where no client with this URL
/// could be, or where it holds a password.
void check_url(const std::string& url);

/// A server that is named on a command line, and who logs in to it.
struct destination {
    std::string url;           ///< as check_url() takes it
    std::string password_file; ///< that is named there, too; empty: none
    client_options how;

    /// Finds the password, where the URL needs one; throws failure. Before threads start.
    void find_password();
};

} // namespace oocrpc::apps
