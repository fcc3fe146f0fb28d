#include "privileges.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "environment.hpp"
#include "exit.hpp"

namespace host {
namespace {

[[noreturn]] void cannot(const std::string& what) {
    const int why = errno;
    const bool not_root = why == EPERM && ::geteuid() != 0;
    throw failure(no_permission,
                  "cannot " + what + ": " + (not_root ? "only root can" : std::strerror(why)));
}

std::vector<gid_t> groups_of(const char* user, gid_t first) {
    std::vector<gid_t> all(16);
    auto count = static_cast<int>(all.size());
    while (::getgrouplist(user, first, all.data(), &count) < 0) {
        all.resize(std::max(static_cast<std::size_t>(count), all.size() * 2));
        count = static_cast<int>(all.size());
    }
    all.resize(static_cast<std::size_t>(count));
    return all;
}

std::string or_number(const std::string& name, unsigned long number) {
    return "'" + (name.empty() ? std::to_string(number) : name) + "'";
}

} // namespace

privileges::privileges(identity_options how) : how_(std::move(how)) {
    if (!how_.group.empty()) find_group();
    if (!how_.user.empty()) find_user();
    if (gid_ && groups_.empty()) groups_ = {*gid_};
}

// The database's functions without _r are enough: there are no other threads yet.

void privileges::find_group() {
    if (const auto* entry = ::getgrnam(how_.group.c_str()))
        gid_ = entry->gr_gid;
    else if (const auto number = number_of<gid_t>(how_.group); number && *number != gid_t(-1))
        gid_ = *number;
    else
        throw failure(usage_error, "there is no group '" + how_.group + "'");
}

void privileges::find_user() {
    const auto* entry = ::getpwnam(how_.user.c_str());
    if (!entry) {
        const auto number = number_of<uid_t>(how_.user);
        if (!number || *number == uid_t(-1))
            throw failure(usage_error, "there is no user '" + how_.user + "'");
        entry = ::getpwuid(*number);
        if (!entry) {
            if (!gid_)
                throw failure(usage_error,
                              "user " + how_.user + " is unknown, so it needs a group as well");
            uid_ = *number;
            return;
        }
    }
    uid_ = entry->pw_uid;
    if (!gid_) gid_ = entry->pw_gid;
    const std::string name = entry->pw_name; // the next look-up overwrites the entry
    groups_ = groups_of(name.c_str(), *gid_);
}

void privileges::drop() const {
    if (!any() || already_there()) return;
    if (!how_.chroot.empty()) change_root();
    if (gid_) change_groups();
    if (uid_) change_user();
    require_no_way_back();
}

/// systemd's User= may have done it before us.
bool privileges::already_there() const {
    return how_.chroot.empty() && ::geteuid() != 0 && uid_.value_or(::getuid()) == ::getuid() &&
           gid_.value_or(::getgid()) == ::getgid();
}

void privileges::change_root() const {
    const auto what = "change the root directory to '" + how_.chroot + "'";
    if (::chroot(how_.chroot.c_str()) != 0) cannot(what);
    if (::chdir("/") != 0) cannot(what);
}

void privileges::change_groups() const {
    const auto what = "become group " + or_number(how_.group, *gid_);
    if (::setgroups(groups_.size(), groups_.data()) != 0) cannot(what);
    if (::setresgid(*gid_, *gid_, *gid_) != 0) cannot(what);
}

void privileges::change_user() const {
    const auto what = "become user " + or_number(how_.user, *uid_);
    if (::setresuid(*uid_, *uid_, *uid_) != 0) cannot(what);
    if (*uid_ != 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) cannot(what);
}

void privileges::require_no_way_back() const {
    if (!uid_ || *uid_ == 0) return;
    uid_t real = 0, effective = 0, saved = 0;
    const bool gone = ::getresuid(&real, &effective, &saved) == 0 && real == *uid_ &&
                      effective == *uid_ && saved == *uid_;
    if (!gone || ::setresuid(uid_t(-1), 0, uid_t(-1)) == 0)
        throw failure(no_permission, "root's rights are not gone after becoming user " + how_.user);
}

} // namespace host
