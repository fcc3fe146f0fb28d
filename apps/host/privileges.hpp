#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace host {

/// Who the process becomes once it has bound its sockets.
struct identity_options {
    std::string user;   ///< name or number; empty: stays
    std::string group;  ///< name or number; empty: the user's
    std::string chroot; ///< directory; empty: stays
};

/// Gives up what a daemon needs only to start: root's rights, its groups, the file system outside
/// of a directory.
///
/// Names are looked up when it is made, since a chroot has no /etc/passwd.
class privileges {
  public:
    /// Throws failure(usage_error) where a name is unknown, or a number that has no entry in the
    /// user database comes without a group.
    explicit privileges(identity_options how);

    /// Whether drop() has anything to do.
    bool any() const noexcept { return uid_ || gid_ || !how_.chroot.empty(); }
    /// Changes the root directory and goes there, sets the supplementary groups (the user's; those
    /// of the group alone where only that is given), the group and the user, forbids to gain rights
    /// by programs (no_new_privs), and makes sure that root cannot come back.
    ///
    /// Before other threads start, to which no_new_privs would not apply. Throws
    /// failure(no_permission) that says what is not allowed; the process must end then.
    void drop() const;

  private:
    void find_user();
    void find_group();
    void change_root() const;
    void change_groups() const;
    void change_user() const;
    void require_no_way_back() const;
    bool already_there() const;

    const identity_options how_;
    std::optional<uid_t> uid_;
    std::optional<gid_t> gid_;
    std::vector<gid_t> groups_; // supplementary
};

} // namespace host
