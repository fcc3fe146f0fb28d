#include "login.hpp"

#include <cstdlib>

#include "failure.hpp"
#include "password.hpp"

namespace oocrpc::apps {
namespace {

/// Connects to nothing, but throws where a client with that URL would.
void try_client(const std::string& url, client_options options) {
    asio::io_context none;
    const client checked(none.get_executor(), url, std::move(options));
}

bool is_complete(const std::string& url) {
    try {
        try_client(url, {});
        return true;
    } catch (const rpc_error&) {
        return false;
    }
}

std::shared_ptr<const secret> shared(secret s) {
    return std::make_shared<const secret>(std::move(s));
}

} // namespace

std::shared_ptr<const secret> find_password(const std::string& of_whom, const std::string& file,
                                            asking how) {
    if (!file.empty()) return shared(password_in(file));
    const char* named = std::getenv("OOCRPC_PASSWORD_FILE");
    if (named && *named) return shared(password_in(named));
    const char* given = std::getenv("OOCRPC_PASSWORD");
    if (given && *given) return shared(secret(std::string_view(given)));
    if (how == asking::no) return nullptr;
    return shared(ask_password(of_whom, "--password-file"));
}

void check_url(const std::string& url) {
    auto parsed = url::parse(url);
    if (!parsed.password.empty())
        throw rpc_error(errc::invalid_argument,
                        "'" + parsed.to_string() +
                            "': others can see a password that is written here; leave it out and "
                            "see --password-file");
    client_options options;
    // Some that can be one: the user's is not known yet.
    if (!parsed.user.empty()) options.password = std::make_shared<const secret>("password");
    try_client(url, std::move(options));
}

void destination::find_password() {
    const auto to = oocrpc::url::parse(url);
    if (to.user.empty() || is_complete(url)) {
        if (!password_file.empty())
            throw failure(usage_error, "--password-file: the URL names no user who needs one");
        return;
    }
    how.password = apps::find_password(to.to_string(), password_file, asking::yes);
}

} // namespace oocrpc::apps
