#include "child.hpp"

#include "support/temporary.hpp"

#include <host/privileges.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>

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

TEST_CASE("without options there is nothing to do") {
    CHECK(!as("").any());
    CHECK(as("root").any());
    CHECK(as("", "", "/").any());
}

} // TEST_SUITE("privileges")
