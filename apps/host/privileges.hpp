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
    /// Who the process will be; none: stays.
    std::optional<uid_t> user() const noexcept { return uid_; }
    std::optional<gid_t> group() const noexcept { return gid_; }
    /// Changes the root directory and goes there, sets the group, the supplementary groups (the
    /// user's; those of the group alone where only that is given) and the user, gives up all
    /// capabilities, forbids to gain rights by programs (no_new_privs), and makes sure that root
    /// cannot come back.
    ///
    /// What is so already, as systemd's User= leaves it, is not asked for again, so that it needs
    /// no rights; a process that has more than its user, such as other groups, loses that as well.
    /// Before other threads start, to which this would not apply. Throws failure(no_permission)
    /// that says what is not allowed; the process must end then.
    void drop() const;

  private:
    void find_user();
    void find_group();
    void change_root() const;
    void change_group() const;
    void change_groups() const;
    void change_user() const;
    void give_up_capabilities() const;
    void require_no_way_back() const;
    bool leaves_root() const noexcept { return uid_ && *uid_ != 0; }
    bool is_user() const;
    bool is_group() const;
    bool has_only_its_groups() const;

    const identity_options how_;
    std::optional<uid_t> uid_;
    std::optional<gid_t> gid_;
    std::vector<gid_t> groups_; // supplementary
};

} // namespace host
