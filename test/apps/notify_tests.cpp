#include "child.hpp"

#include "support/run.hpp"
#include "support/spawned.hpp"
#include "support/temporary.hpp"

#include <host/notify.hpp>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/un.h>

using namespace std::chrono_literals;
using namespace oocrpc;
using host::notifier;
using host::test::child;

namespace {

/// Who listens at NOTIFY_SOCKET.
struct manager {
    explicit manager(bool abstract = false) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, file.path.data(), file.path.size());
        if (abstract) at.sun_path[0] = '\0';
        const auto size = offsetof(sockaddr_un, sun_path) + file.path.size();
        socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&at), static_cast<socklen_t>(size)) ==
                0);
        address = abstract ? "@" + file.path.substr(1) : file.path;
    }
    ~manager() { ::close(socket); }
    /// One message; empty where there is none.
    std::string heard() {
        char text[256];
        const auto n = ::recv(socket, text, sizeof(text), 0);
        return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : "";
    }

    test::temporary_path file;
    std::string address;
    int socket;
};

/// Sets variables until a notifier has taken them.
struct variables {
    variables(const std::string& address, const char* usec = nullptr, const char* pid = nullptr) {
        ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
        if (usec) ::setenv("WATCHDOG_USEC", usec, 1);
        if (pid) ::setenv("WATCHDOG_PID", pid, 1);
    }
    ~variables() {
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
            CHECK(std::getenv(name) == nullptr);
            ::unsetenv(name);
        }
    }
};

notifier made_with(const std::string& address, const char* usec = nullptr,
                   const char* pid = nullptr) {
    variables set(address, usec, pid);
    return notifier();
}

} // namespace

TEST_SUITE("notify") {

TEST_CASE("each state is a message of its own") {
    manager m;
    const notifier to = made_with(m.address);
    CHECK(to);
    CHECK(to.problem().empty());
    to.ready("accepts on oocrpc://127.0.0.1:1");
    CHECK(m.heard() == "READY=1\nSTATUS=accepts on oocrpc://127.0.0.1:1\n");
    to.stopping("draining");
    CHECK(m.heard() == "STOPPING=1\nSTATUS=draining\n");
    to.main_pid(4711);
    CHECK(m.heard() == "MAINPID=4711\n");
    CHECK(m.heard().empty());
}

TEST_CASE("reloading says when it began, by the monotonic clock") {
    manager m;
    const notifier to = made_with(m.address);
    const auto now = [] {
        timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1'000'000LL + t.tv_nsec / 1000;
    };
    const auto before = now();
    to.reloading();
    const auto text = m.heard();
    const std::string begin = "RELOADING=1\nMONOTONIC_USEC=";
    REQUIRE(text.starts_with(begin));
    const auto told = std::stoll(text.substr(begin.size()));
    CHECK(told >= before);
    CHECK(told <= now());
}

TEST_CASE("an abstract socket is as good as one with a file") {
    manager m(true);
    const notifier to = made_with(m.address);
    CHECK(to.problem() == "");
    to.stopping("x");
    CHECK(m.heard() == "STOPPING=1\nSTATUS=x\n");
}

TEST_CASE("a newline in a text begins no variable of its own") {
    manager m;
    const notifier to = made_with(m.address);
    to.stopping("a\nMAINPID=1");
    CHECK(m.heard() == "STOPPING=1\nSTATUS=a MAINPID=1\n");
}

TEST_CASE("the socket's file is needed only at the beginning") {
    manager m;
    const notifier to = made_with(m.address);
    std::filesystem::remove(m.file.path); // as after a chroot
    to.stopping("x");
    CHECK(m.heard() == "STOPPING=1\nSTATUS=x\n");
}

TEST_CASE("where nobody asked nothing happens") {
    ::unsetenv("NOTIFY_SOCKET");
    const notifier to;
    CHECK(!to);
    CHECK(to.problem().empty());
    to.ready("x");
}

TEST_CASE("a socket that cannot be reached is no failure, but is told") {
    const notifier away = made_with("/nowhere/notify");
    CHECK(!away);
    CHECK(away.problem() == "NOTIFY_SOCKET '/nowhere/notify': No such file or directory");
    away.ready("x");
    const notifier odd = made_with("vsock:2:1234");
    CHECK(odd.problem() ==
          "NOTIFY_SOCKET 'vsock:2:1234': neither an absolute path nor an abstract name");
    CHECK(made_with("/" + std::string(200, 'x')).problem().ends_with(": too long"));
}

TEST_CASE("a manager that has gone harms nothing") {
    auto m = std::make_unique<manager>();
    const notifier to = made_with(m->address);
    m.reset();
    to.ready("x");
    CHECK(to);
}

TEST_CASE("the watchdog gets a sign of life at half of its time, as long as the loop runs") {
    test::run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        manager m;
        const notifier to = made_with(m.address, "20000000");
        CHECK(to.watchdog_time() == 20s);
        const auto start = time.now();
        test::spawned dog(io.get_executor(), to.watchdog());
        std::vector<duration> heard;
        while (heard.size() < 3) {
            co_await sleep_for(1s);
            if (m.heard() == "WATCHDOG=1\n") heard.push_back(time.now() - start);
        }
        CHECK(heard[0] == 1s); // the first came at once
        CHECK((heard[1] == 10s || heard[1] == 11s));
        CHECK(heard[2] - heard[1] == 10s);
        dog.cancel();
        co_await test::settle();
        CHECK(dog.done);
        CHECK(m.heard().empty());
    });
}

TEST_CASE("no watchdog is fed that is wanted from another process, or not at all") {
    test::run([]() -> awaitable<void> {
        manager m;
        const notifier none = made_with(m.address);
        const notifier others = made_with(m.address, "1000", "1");
        const notifier wrong = made_with(m.address, "soon");
        co_await none.watchdog();
        co_await others.watchdog();
        co_await wrong.watchdog();
        CHECK(m.heard().empty());
        const auto self = std::to_string(::getpid());
        const notifier own = made_with(m.address, "1000", self.c_str());
        CHECK(own.watchdog_time() == 1ms);
    });
}

} // TEST_SUITE("notify")
