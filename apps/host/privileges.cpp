#include "privileges.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

std::vector<gid_t> sorted(std::vector<gid_t> groups) {
    std::ranges::sort(groups);
    groups.erase(std::ranges::unique(groups).begin(), groups.end());
    return groups;
}

std::vector<gid_t> supplementary_groups() {
    const int count = ::getgroups(0, nullptr);
    std::vector<gid_t> all(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0 || ::getgroups(count, all.data()) != count) cannot("ask for the groups");
    return sorted(std::move(all));
}

std::string numbers(const std::vector<gid_t>& groups) {
    std::string all;
    for (const auto g : groups) all += (all.empty() ? "" : ", ") + std::to_string(g);
    return all;
}

std::uint64_t bit_of(int capability) {
    return std::uint64_t{1} << capability;
}

struct capability_sets {
    std::uint64_t effective = 0, permitted = 0, inheritable = 0;
    bool any() const noexcept { return (effective | permitted | inheritable) != 0; }
};

/// The words of one process, as the system calls want them: capabilities(2), version 3.
using capability_words = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

/// Of this thread.
capability_sets capabilities() {
    __user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
    capability_words words{};
    if (::syscall(SYS_capget, &self, words.data()) != 0) cannot("ask for the capabilities");
    capability_sets all;
    for (std::size_t i = words.size(); i-- > 0;) {
        all.effective = all.effective << 32 | words[i].effective;
        all.permitted = all.permitted << 32 | words[i].permitted;
        all.inheritable = all.inheritable << 32 | words[i].inheritable;
    }
    return all;
}

bool set_no_capabilities() {
    __user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
    const capability_words none{};
    return ::syscall(SYS_capset, &self, none.data()) == 0;
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
    if (!any()) return;
    if (!how_.chroot.empty()) change_root();
    if (gid_) change_group();
    if (gid_) change_groups();
    if (uid_) change_user();
    if (leaves_root()) give_up_capabilities();
    require_no_way_back();
}

void privileges::change_root() const {
    const auto what = "change the root directory to '" + how_.chroot + "'";
    if (::chroot(how_.chroot.c_str()) != 0) cannot(what);
    if (::chdir("/") != 0) cannot(what);
}

// What is so already is not set again: a filter of system calls may kill who tries.

void privileges::change_group() const {
    if (is_group()) return;
    if (::setresgid(*gid_, *gid_, *gid_) != 0)
        cannot("become group " + or_number(how_.group, *gid_));
}

/// Fewer groups than the user has are left as they are by who may not set them.
void privileges::change_groups() const {
    const auto has = supplementary_groups();
    const bool may_set = (capabilities().effective & bit_of(CAP_SETGID)) != 0;
    if (has == sorted(groups_) || (!may_set && has_only_its_groups())) return;
    if (::setgroups(groups_.size(), groups_.data()) != 0)
        cannot("leave the groups " + numbers(has));
}

void privileges::change_user() const {
    if (is_user()) return;
    if (::setresuid(*uid_, *uid_, *uid_) != 0) cannot("become user " + or_number(how_.user, *uid_));
    if (*uid_ != 0 && ::setresuid(uid_t(-1), 0, uid_t(-1)) == 0)
        throw failure(no_permission, "root comes back after becoming user " + how_.user);
}

/// Those that the change of user has not taken: who was no root may have had some as well.
void privileges::give_up_capabilities() const {
    const std::string what = "give up the capabilities";
    if (capabilities().any() && !set_no_capabilities()) cannot(what); // the ambient ones, too
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) cannot(what);
}

void privileges::require_no_way_back() const {
    const bool good = (!uid_ || is_user()) && (!gid_ || (is_group() && has_only_its_groups())) &&
                      (!leaves_root() || !capabilities().any());
    if (!good) throw failure(no_permission, "root's rights are not gone after giving them up");
}

bool privileges::is_user() const {
    uid_t real = 0, effective = 0, saved = 0;
    return ::getresuid(&real, &effective, &saved) == 0 && real == *uid_ && effective == *uid_ &&
           saved == *uid_;
}

bool privileges::is_group() const {
    gid_t real = 0, effective = 0, saved = 0;
    return ::getresgid(&real, &effective, &saved) == 0 && real == *gid_ && effective == *gid_ &&
           saved == *gid_;
}

bool privileges::has_only_its_groups() const {
    return std::ranges::includes(sorted(groups_), supplementary_groups());
}

} // namespace host
