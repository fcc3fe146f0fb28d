#include "child.hpp"

#include <host/daemonize.hpp>

#include <doctest/doctest.h>

#include <climits>
#include <filesystem>
#include <thread>

#include <sys/prctl.h>
#include <sys/stat.h>

using host::test::channel;
using host::test::child;

namespace {

std::string open_at(int fd) {
    std::array<char, PATH_MAX> path{};
    const auto name = "/proc/self/fd/" + std::to_string(fd);
    return ::readlink(name.c_str(), path.data(), path.size() - 1) > 0 ? path.data() : "";
}

std::string message_of(int code, void (*f)()) {
    try {
        f();
    } catch (const host::failure& e) {
        CHECK(e.code() == code);
        return e.what();
    }
    return "";
}

volatile std::sig_atomic_t is_told = 0;

} // namespace

TEST_SUITE("daemonize") {

TEST_CASE("what called it ends with 0 when the daemon is ready, and not before") {
    channel told, go;
    child parent([&] {
        auto start = host::daemonize();
        told.say("started\n");
        go.line();
        start.ready();
        told.say("ready\n");
        return 5;
    });
    CHECK(told.line() == "started");
    CHECK(parent.alive());
    go.say("\n");
    CHECK(parent.status() == 0);
    CHECK(parent.errors().empty());
    CHECK(told.line() == "ready");
}

TEST_CASE("a daemon has a session of its own, no terminal, and /dev/null when it is ready") {
    channel told;
    child parent([&] {
        auto start = host::daemonize();
        told.say(open_at(STDIN_FILENO) + "\n");
        told.say(open_at(STDERR_FILENO) + "\n");
        start.ready();
        told.say(std::to_string(::getsid(0) != ::getpid()) +
                 "\n"); // so it gets no terminal by open
        told.say(std::to_string(::getpid()) + " " + std::to_string(::getsid(0)) + "\n");
        told.say(open_at(STDIN_FILENO) + open_at(STDOUT_FILENO) + open_at(STDERR_FILENO) + "\n");
        return 0;
    });
    CHECK(told.line() == "/dev/null");
    CHECK(told.line().starts_with("pipe:")); // still ours, for errors
    CHECK(told.line() == "1");
    const auto numbers = told.line();
    const auto session = std::stoi(numbers.substr(numbers.find(' ')));
    CHECK(session != ::getsid(0));
    CHECK(std::stoi(numbers) != parent.pid());
    CHECK(told.line() == "/dev/null/dev/null/dev/null");
    CHECK(parent.status() == 0);
}

TEST_CASE("a daemon that fails before it is ready gives its parent exit code and message") {
    child parent([]() -> int {
        auto start = host::daemonize();
        throw host::failure(host::unavailable, "cannot listen on x: taken");
    });
    CHECK(parent.status() == host::unavailable);
    CHECK(parent.errors() == "cannot listen on x: taken\n");
}

TEST_CASE("a daemon that dies of a signal before it is ready is told by its parent") {
    child parent([]() -> int {
        auto start = host::daemonize();
        ::raise(SIGKILL);
        return 0;
    });
    CHECK(parent.status() == host::software_error);
    CHECK(parent.errors() == "the daemon was killed by signal 9 (Killed) before it was ready\n");
}

TEST_CASE("a daemon that ends well without having been ready is a failure") {
    child parent([] {
        auto start = host::daemonize();
        return 0;
    });
    CHECK(parent.status() == host::software_error);
    CHECK(parent.errors() == "the daemon ended before it was ready\n");
}

TEST_CASE("where what called it is killed the daemon ends, whatever it waits for") {
    for (const int number : {SIGTERM, SIGKILL}) {
        channel told, never;
        child parent([&] {
            auto start = host::daemonize();
            told.say("started\n");
            never.line();
            return 0;
        });
        CHECK(told.line() == "started");
        ::kill(parent.pid(), number);
        CHECK(parent.status() == -number);
        CHECK(told.all().empty()); // nobody is left who could say something
    }
}

TEST_CASE("a daemon that the kernel no longer tells that its parent was killed learns it in time") {
    channel told, go;
    child parent([&] {
        auto start = host::daemonize();
        std::signal(SIGTERM, [](int) { is_told = 1; });
        ::prctl(PR_SET_PDEATHSIG, 0); // as changing the user does
        const auto leader = ::getppid();
        told.say("started\n");
        go.line();
        while (::getppid() == leader) std::this_thread::yield();
        start.ready();
        told.say(is_told ? "SIGTERM\n" : "served\n");
        return 0;
    });
    CHECK(told.line() == "started");
    ::kill(parent.pid(), SIGTERM);
    CHECK(parent.status() == -SIGTERM);
    go.say("\n");
    CHECK(told.line() == "SIGTERM");
}

TEST_CASE("a daemon that is ready outlives what called it, and is not told of its end") {
    channel told, go;
    child parent([&] {
        auto start = host::daemonize();
        start.ready();
        go.line();
        told.say("lives\n");
        return 0;
    });
    CHECK(parent.status() == 0);
    go.say("\n");
    CHECK(told.line() == "lives");
}

TEST_CASE("a parent whose own parent ignores SIGCHLD waits as well") {
    child parent([] {
        std::signal(SIGCHLD, SIG_IGN);
        auto start = host::daemonize();
        start.ready();
        return 0;
    });
    CHECK(parent.status() == 0);
}

TEST_CASE("in the foreground nobody waits and ready() leaves everything as it is") {
    child process([] {
        host::startup_report start;
        start.ready();
        std::cerr << "still here" << std::endl;
        return 3;
    });
    CHECK(process.status() == 3);
    CHECK(process.errors() == "still here\n");
}

TEST_CASE("a directory to run in that is not there is an error that names it") {
    CHECK(message_of(host::bad_configuration, [] { host::enter_rundir("/nowhere/at/all"); }) ==
          "cannot go to the directory '/nowhere/at/all': No such file or directory");
    child process([] {
        host::enter_rundir("/usr");
        return std::filesystem::current_path() == "/usr" ? 0 : 1;
    });
    CHECK(process.status() == 0);
}

TEST_CASE("a umask is octal and has three digits at most") {
    CHECK(host::parse_umask("027") == 027);
    CHECK(host::parse_umask("0") == 0);
    CHECK(message_of(host::usage_error, [] { host::parse_umask("8"); }) ==
          "'8' is no umask: an octal number up to 777");
    for (const char* wrong : {"", "0x7", "1777", "-1", "27 "})
        CHECK_THROWS_AS(host::parse_umask(wrong), host::failure);
}

} // TEST_SUITE("daemonize")
