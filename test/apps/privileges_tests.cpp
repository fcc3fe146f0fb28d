#include "child.hpp"

#include "support/temporary.hpp"

#include <host/privileges.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using host::privileges;
using host::test::child;
namespace fs = std::filesystem;

namespace {

bool is_root() {
    if (::geteuid() == 0) return true;
    MESSAGE("skipped: only root can become somebody else");
    return false;
}

privileges as(std::string user, std::string group = {}, std::string chroot = {}) {
    return privileges({std::move(user), std::move(group), std::move(chroot)});
}

/// What making or dropping says, with the exit code in front.
template <class F> std::string refusal(F f) {
    child process([&] {
        f();
        return 0;
    });
    const auto code = process.status();
    return std::to_string(code) + " " + process.errors();
}

std::vector<gid_t> supplementary() {
    std::vector<gid_t> all(64);
    all.resize(static_cast<std::size_t>(::getgroups(64, all.data())));
    return all;
}

/// Whether all three users and groups are these.
bool is(uid_t uid, gid_t gid) {
    uid_t u[3];
    gid_t g[3];
    if (::getresuid(&u[0], &u[1], &u[2]) != 0 || ::getresgid(&g[0], &g[1], &g[2]) != 0)
        return false;
    return std::all_of(u, u + 3, [&](uid_t x) { return x == uid; }) &&
           std::all_of(g, g + 3, [&](gid_t x) { return x == gid; });
}

std::pair<uid_t, gid_t> nobody() {
    const auto* entry = ::getpwnam("nobody");
    if (!entry) throw std::runtime_error("there is no nobody");
    return {entry->pw_uid, entry->pw_gid};
}

/// Without privileges, and with these capabilities, ambient ones among them, all the same.
void become_nobody(const std::vector<gid_t>& groups, unsigned capabilities) {
    const auto [uid, gid] = nobody();
    __user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct set[2] = {{capabilities, capabilities, capabilities}, {}};
    bool good = ::setgroups(groups.size(), groups.data()) == 0 &&
                ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && ::setresgid(gid, gid, gid) == 0 &&
                ::setresuid(uid, uid, uid) == 0 && ::syscall(SYS_capset, &self, set) == 0;
    for (int c = 0; c < 32; ++c)
        if (capabilities >> c & 1)
            good = good && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) == 0;
    if (!good) throw std::runtime_error("cannot become nobody");
}

/// Each of its sets, as /proc says.
std::vector<std::string> capabilities_of_process() {
    std::ifstream status("/proc/self/status");
    std::vector<std::string> sets;
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("Cap") && !line.starts_with("CapBnd"))
            sets.push_back(line.substr(line.find('\t') + 1));
    return sets;
}
const std::vector<std::string> no_capabilities(4, std::string(16, '0'));

bool no_new_privileges() {
    return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

/// From now on who calls one of these is killed.
bool forbid_to_change_users() {
    std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const unsigned call : {SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_capset}) {
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
        filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL));
    }
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

} // namespace

TEST_SUITE("privileges") {

TEST_CASE("a user gets his group and his groups, and root cannot come back") {
    if (!is_root()) return;
    const auto* nobody = ::getpwnam("nobody");
    REQUIRE(nobody);
    const auto uid = nobody->pw_uid;
    const auto gid = nobody->pw_gid;
    child process([&] {
        const gid_t roots[] = {0, 4, 5};
        if (::setgroups(3, roots) != 0) return 10;
        as("nobody").drop();
        if (!is(uid, gid)) return 1;
        if (supplementary() != std::vector<gid_t>{gid}) return 2;
        if (::setuid(0) == 0 || ::seteuid(0) == 0 || ::setgid(0) == 0) return 3;
        if (::setgroups(3, roots) == 0) return 4;
        if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 5;
        return 0;
    });
    CHECK(process.status() == 0);
}

TEST_CASE("a group alone leaves the user, and takes root's other groups") {
    if (!is_root()) return;
    child process([] {
        const gid_t roots[] = {0, 4, 5};
        if (::setgroups(3, roots) != 0) return 10;
        as("", "12345").drop();
        return is(0, 12345) && supplementary() == std::vector<gid_t>{12345} ? 0 : 1;
    });
    CHECK(process.status() == 0);
}

TEST_CASE("numbers need no entry in the user database") {
    if (!is_root()) return;
    child process([] {
        as("54321", "12345").drop();
        return is(54321, 12345) && supplementary() == std::vector<gid_t>{12345} ? 0 : 1;
    });
    CHECK(process.status() == 0);
    CHECK(refusal([] { as("54321"); }) ==
          "64 user 54321 is unknown, so it needs a group as well\n");
}

TEST_CASE("names are known after chroot, which leads to its own root directory") {
    if (!is_root()) return;
    oocrpc::test::temporary_path place;
    fs::create_directory(place.path);
    fs::create_directory(place.path + "/inside");
    child process([&] {
        as("nobody", "", place.path).drop();
        if (::getuid() == 0) return 1;
        if (fs::current_path() != "/") return 2;
        return fs::exists("/inside") && !fs::exists("/etc") ? 0 : 3;
    });
    CHECK(process.status() == 0);
    fs::remove_all(place.path);
}

TEST_CASE("a name that is unknown is an error that says so") {
    CHECK(refusal([] { as("no-such-user"); }) == "64 there is no user 'no-such-user'\n");
    CHECK(refusal([] { as("", "no-such-group"); }) == "64 there is no group 'no-such-group'\n");
    CHECK(refusal([] { as("-1", "0"); }) == "64 there is no user '-1'\n");
    CHECK(refusal([] { as("4294967295", "0"); }) == "64 there is no user '4294967295'\n");
}

TEST_CASE("a root directory that is not there is an error that names it") {
    if (!is_root()) return;
    CHECK(refusal([] { as("", "", "/nowhere").drop(); }) ==
          "77 cannot change the root directory to '/nowhere': No such file or directory\n");
}

TEST_CASE("without being root each step says that only root can, and who one is already is fine") {
    if (is_root()) {
        const auto refused = [](auto who) {
            return refusal([who] {
                as("nobody").drop();
                who().drop();
            });
        };
        CHECK(refused([] { return as("root"); }) == "77 cannot become group '0': only root can\n");
        CHECK(refused([] { return as("nobody", "", "/"); }) ==
              "77 cannot change the root directory to '/': only root can\n");
        CHECK(refused([] { return as("nobody"); }) == "0 ");
        CHECK(refused([] { return as(""); }) == "0 ");
    }
}

TEST_CASE("a process that is the user already gives up what else it has") {
    if (!is_root()) return;
    const auto& [uid, gid] = nobody();
    child saved_root([uid = uid, gid = gid] {
        if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0) return 10;
        if (::setresuid(uid, uid, 0) != 0) return 11;
        as("nobody").drop();
        return is(uid, gid) && ::seteuid(0) != 0 && no_new_privileges() ? 0 : 1;
    });
    CHECK(saved_root.status() == 0);
    child capable([] {
        become_nobody({}, 1U << CAP_SETUID | 1U << CAP_DAC_OVERRIDE);
        if (capabilities_of_process() == no_capabilities) return 10;
        as("nobody").drop();
        if (capabilities_of_process() != no_capabilities) return 1;
        return ::setuid(0) != 0 && no_new_privileges() ? 0 : 2;
    });
    CHECK(capable.status() == 0);
    child may_set_groups([gid = gid] {
        become_nobody({0, 4}, 1U << CAP_SETGID);
        as("nobody").drop();
        return supplementary() == std::vector<gid_t>{gid} ? 0 : 1;
    });
    CHECK(may_set_groups.status() == 0);
}

TEST_CASE("groups that are not the user's and cannot be left are refused") {
    if (!is_root()) return;
    for (const unsigned capabilities : {0U, 1U << CAP_SETUID})
        CHECK(refusal([=] {
                  become_nobody({0, 4, 42}, capabilities);
                  as("nobody").drop();
              }) == "77 cannot leave the groups 0, 4, 42: only root can\n");
}

TEST_CASE("fewer groups than the user has are fine, and programs gain nothing") {
    if (!is_root()) return;
    child process([] {
        become_nobody({}, 0);
        as("nobody").drop();
        return supplementary().empty() && no_new_privileges() ? 0 : 1;
    });
    CHECK(process.status() == 0);
}

TEST_CASE("who is the user already makes no system call that changes that") {
    if (!is_root()) return;
    child process([] {
        become_nobody({}, 0);
        const privileges who = as("nobody");
        if (!forbid_to_change_users()) return 10; // as SystemCallFilter=~@privileged of systemd
        who.drop();
        return 0;
    });
    CHECK(process.status() == 0);
}

TEST_CASE("without options there is nothing to do") {
    CHECK(!as("").any());
    CHECK(as("root").any());
    CHECK(as("", "", "/").any());
}

} // TEST_SUITE("privileges")
