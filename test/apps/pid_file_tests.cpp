#include "child.hpp"

#include "support/temporary.hpp"

#include <host/daemonize.hpp>
#include <host/pid_file.hpp>
#include <host/privileges.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

using host::pid_file;
using host::test::channel;
using host::test::child;
namespace fs = std::filesystem;

namespace {

struct place : oocrpc::test::temporary_path {
    place() { fs::create_directory(path); }
    ~place() { fs::remove_all(path); }
    std::string file() const { return path + "/x.pid"; }
    std::string text() const {
        std::ifstream in(file());
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const std::string& text) const { std::ofstream(file()) << text; }
};

std::string own_line() {
    return std::to_string(::getpid()) + "\n";
}

} // namespace

TEST_SUITE("pid_file") {

TEST_CASE("it holds the number of the process and goes with it") {
    place at;
    {
        pid_file file(at.file());
        CHECK(at.text() == own_line());
    }
    CHECK(!fs::exists(at.file()));
}

TEST_CASE("a stale one is replaced, whatever is in it") {
    place at;
    for (const char* old : {"", "123456789012345678901234567890\n", "rubbish", "1\n"}) {
        at.write(old);
        pid_file file(at.file());
        CHECK(at.text() == own_line());
    }
}

TEST_CASE("one that another user has made is made anew, so that he cannot change the number") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root has files of others");
        return;
    }
    place at;
    at.write("1\n");
    std::ofstream planted(at.file());
    REQUIRE(::chown(at.file().c_str(), 1234, 1234) == 0);
    pid_file file(at.file());
    planted << "1\n" << std::flush;
    CHECK(at.text() == own_line());
    struct stat found{};
    REQUIRE(::stat(at.file().c_str(), &found) == 0);
    CHECK(found.st_uid == 0);
}

TEST_CASE("a live one is refused with its process named, until that has gone") {
    place at;
    channel told, go;
    child other([&] {
        pid_file file(at.file());
        told.say("held\n");
        go.line();
        return 0;
    });
    CHECK(told.line() == "held");
    try {
        pid_file file(at.file());
        FAIL("two processes hold one pid file");
    } catch (const host::failure& e) {
        CHECK(e.code() == host::unavailable);
        CHECK(e.what() == "already running: process " + std::to_string(other.pid()) +
                              " holds the pid file '" + at.file() + "'");
    }
    CHECK(at.text() == std::to_string(other.pid()) + "\n");
    ::kill(other.pid(), SIGKILL);
    other.status();
    pid_file file(at.file());
    CHECK(at.text() == own_line());
}

TEST_CASE("one that somebody has put in its place is not removed") {
    place at;
    {
        pid_file file(at.file());
        fs::remove(at.file());
        at.write("another's");
    }
    CHECK(at.text() == "another's");
}

TEST_CASE("a child of the process leaves it alone") {
    place at;
    pid_file file(at.file());
    child process([&] {
        file.remove();
        return 0;
    });
    CHECK(process.status() == 0);
    CHECK(at.text() == own_line());
}

TEST_CASE("a relative path is relative to the rundir, and found when the process has moved on") {
    place at;
    child process([&] {
        host::enter_rundir(at.path);
        pid_file file("x.pid");
        host::enter_rundir("/");
        return at.text() == own_line() ? 0 : 1;
    });
    CHECK(process.status() == 0);
    CHECK(!fs::exists(at.file()));
}

TEST_CASE("what is no file of its own is refused and stays as it is") {
    place at;
    at.write("");
    const auto link = at.path + "/link", nowhere = at.path + "/no/x.pid";
    fs::create_symlink(at.file(), link);
    for (const auto& path : {link, nowhere, at.path, std::string("/dev/null"), std::string("")}) {
        CAPTURE(path);
        CHECK_THROWS_AS(pid_file{path}, host::failure);
    }
    CHECK(at.text().empty());
    CHECK_THROWS_WITH_AS(pid_file{nowhere},
                         doctest::Contains("/no/x.pid': No such file or directory"), host::failure);
}

TEST_CASE("removing it works from inside of a chroot, and where it is not allowed it is emptied") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root can chroot");
        return;
    }
    place at;
    fs::create_directory(at.path + "/root");
    const auto end_as = [&](host::identity_options who) {
        child process([&] {
            pid_file file(at.file());
            host::privileges(who).drop();
            return file.remove() ? 1 : 0;
        });
        return process.status();
    };
    host::identity_options inside, nobody;
    inside.chroot = at.path + "/root";
    nobody.user = "nobody";
    CHECK(end_as(inside) == 0);
    CHECK(!fs::exists(at.file()));
    CHECK(end_as(nobody) == 1);
    CHECK(fs::exists(at.file()));
    CHECK(at.text().empty());
}

} // TEST_SUITE("pid_file")
