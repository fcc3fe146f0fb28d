#include "user_command.hpp"

#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "documents.hpp"
#include "exit.hpp"
#include "host_options.hpp"
#include "nearest.hpp"
#include "support/password.hpp"
#include "user_file.hpp"

namespace host {
namespace {

namespace apps = oocrpc::apps;
namespace scram = oocrpc::scram;
using oocrpc::user;
using oocrpc::user_store;

user_store load_or_begin(const std::string& path) {
    return std::filesystem::exists(path) ? load_users(path) : new_users();
}

/// What is wrong with a new user, before a password is asked for.
void check_new(const user_store& users, const user& u) {
    if (users.find(u.name))
        throw failure(usage_error, "there is a user '" + u.name + "' already; see passwd");
    for (const auto& role : u.roles) {
        if (users.roles().contains(role)) continue;
        std::vector<std::string> known;
        for (const auto& [name, patterns] : users.roles()) known.push_back(name);
        throw failure(usage_error,
                      "the file defines no role '" + role + "'" + did_you_mean(role, known));
    }
    try {
        auto copy = users;
        copy.add(u);
    } catch (const std::invalid_argument& e) {
        throw failure(usage_error, e.what());
    }
}

user known(const user_store& users, const std::string& name) {
    if (const auto* found = users.find(name)) return *found;
    std::vector<std::string> names;
    for (const auto& [one, of] : users.users()) names.push_back(one);
    throw failure(usage_error, "there is no user '" + name + "'" + did_you_mean(name, names));
}

oocrpc::secret password_of(const user_request& what) {
    if (what.options.has("password-file"))
        return apps::password_in(what.options.text("password-file"));
    if (what.options.flag("password-stdin")) return apps::password_on_stdin();
    return apps::ask_new_password(what.name, "--password-file and --password-stdin");
}

std::vector<scram::credentials> credentials_of(const user_request& what) {
    std::vector<scram::credentials> all;
    if (what.options.flag("no-password")) return all;
    const auto password = password_of(what);
    for (const auto m : {scram::mechanism::sha_1, scram::mechanism::sha_256})
        all.push_back(scram::make_credentials(m, scram::prepare(m, what.name, password.view())));
    return all;
}

// The password is asked for before the lock is taken, which others wait for; so what was true
// before is looked at again.

void add(const user_request& what, const std::string& path) {
    user one{what.name, what.options.texts("role")};
    check_new(load_or_begin(path), one);
    one.credentials = credentials_of(what);
    const users_lock alone(path);
    auto users = load_or_begin(path);
    check_new(users, one);
    users.add(std::move(one));
    save_users(path, users);
}

void set_password(const user_request& what, const std::string& path) {
    known(load_users(path), what.name);
    auto credentials = credentials_of(what);
    const users_lock alone(path);
    auto users = load_users(path);
    auto one = known(users, what.name);
    one.credentials = std::move(credentials);
    users.add(std::move(one));
    save_users(path, users);
}

void remove(const user_request& what, const std::string& path) {
    const users_lock alone(path);
    auto users = load_users(path);
    known(users, what.name);
    users.remove(what.name);
    save_users(path, users);
}

/// Options that say nothing for this action are mistakes.
void check_options(const user_request& what) {
    const bool has_password = what.action == "add" || what.action == "passwd";
    int ways = 0;
    for (const auto* way : {"password-file", "password-stdin", "no-password"}) {
        if (!what.options.given(way)) continue;
        ++ways;
        if (!has_password)
            throw failure(usage_error, what.action + " takes no --" + std::string(way));
    }
    if (ways > 1)
        throw failure(usage_error,
                      "--password-file, --password-stdin and --no-password exclude each other");
    if (what.options.given("role") && what.action != "add")
        throw failure(usage_error, what.action + " takes no --role");
    if (what.name.empty() != (what.action == "list"))
        throw failure(usage_error, what.action + (what.name.empty() ? " needs the name of a user"
                                                                    : " takes no name"));
}

} // namespace

int manage_users(const user_request& what) {
    check_options(what);
    const auto path = what.options.text("file");
    if (what.action == "list") std::cout << list_of(load_users(path));
    if (what.action == "add") add(what, path);
    if (what.action == "passwd") set_password(what, path);
    if (what.action == "remove") remove(what, path);
    return 0;
}

} // namespace host
