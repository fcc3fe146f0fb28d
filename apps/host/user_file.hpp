#pragma once

#include <memory>
#include <string>

#include <oocrpc/access_control.hpp>
#include <oocrpc/option.hpp>

namespace host {

/// The users that a file describes, in TOML: a secret, roles with the patterns of their methods,
/// users with their roles and credentials. README.md shows one.
///
/// Throws failure: no_input where it cannot be read, bad_configuration with `FILE:LINE:COLUMN: what
/// is wrong` and where others than owner and group may read it, or the group may write.
oocrpc::user_store load_users(const std::string& path);

/// Who may log in, as the options say: null where everybody is served. Throws as load_users().
std::shared_ptr<oocrpc::access_control> access_of(const oocrpc::option_values& host,
                                                  oocrpc::access_options how);

/// A store for a file that is not there yet: a new secret, and `admin`, who may call everything.
oocrpc::user_store new_users();

/// Nobody else changes files of users in the same directory while this exists: waits for whoever
/// does. What is loaded, changed and saved meanwhile loses no change of another.
class users_lock {
  public:
    explicit users_lock(const std::string& path);
    ~users_lock();
    users_lock(const users_lock&) = delete;
    users_lock& operator=(const users_lock&) = delete;

  private:
    int directory_;
};

/// Replaces the file as a whole, or leaves it as it is: readers find one or the other. A new one is
/// for its owner only (0600), one that was there keeps owner, group and mode. Comments are lost.
///
/// Throws failure(bad_configuration).
void save_users(const std::string& path, const oocrpc::user_store& users);

} // namespace host
