#include "notify.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <oocrpc/clock.hpp>

#include "environment.hpp"

namespace host {
namespace {

// How long a manager that does not read may hold up the event loop.
constexpr timeval send_limit{1, 0};

/// A line that is one: a newline would begin a variable of its own.
std::string line(std::string_view name, std::string_view value) {
    std::string text = std::string(name) + "=" + std::string(value) + "\n";
    std::replace(text.begin(), text.end() - 1, '\n', ' ');
    return text;
}

} // namespace

notifier::notifier() {
    if (const auto address = take_variable("NOTIFY_SOCKET"); address && !address->empty())
        connect_to(*address);
    read_watchdog();
}

notifier::~notifier() {
    if (socket_ >= 0) ::close(socket_);
}

void notifier::connect_to(const std::string& address) {
    const auto refuse = [&](const char* why) {
        problem_ = "NOTIFY_SOCKET '" + address + "': " + why;
    };
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (address.front() != '/' && address.front() != '@')
        return refuse("neither an absolute path nor an abstract name");
    if (address.size() >= sizeof(at.sun_path)) return refuse("too long");
    std::memcpy(at.sun_path, address.data(), address.size());
    auto size = offsetof(sockaddr_un, sun_path) + address.size() + 1;
    if (address.front() == '@') {
        at.sun_path[0] = '\0';
        --size; // an abstract name has no end but its length
    }
    const int s = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0) return refuse(std::strerror(errno));
    ::setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof(send_limit));
    if (::connect(s, reinterpret_cast<sockaddr*>(&at), static_cast<socklen_t>(size)) != 0) {
        refuse(std::strerror(errno));
        ::close(s);
        return;
    }
    socket_ = s;
}

void notifier::read_watchdog() {
    const auto pid = take_variable("WATCHDOG_PID");
    const auto time = take_variable("WATCHDOG_USEC");
    if (!time || socket_ < 0) return;
    if (pid && number_of<pid_t>(*pid) != ::getpid()) return; // meant for another process
    if (const auto us = number_of<std::chrono::microseconds::rep>(*time))
        watchdog_ = std::chrono::microseconds(*us);
}

void notifier::send(const std::string& lines) const noexcept {
    if (socket_ < 0) return;
    while (::send(socket_, lines.data(), lines.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

void notifier::ready(std::string_view status) const noexcept {
    send("READY=1\n" + line("STATUS", status));
}

void notifier::reloading() const noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto us = now.tv_sec * 1'000'000LL + now.tv_nsec / 1000;
    send("RELOADING=1\n" + line("MONOTONIC_USEC", std::to_string(us)));
}

void notifier::stopping(std::string_view status) const noexcept {
    send("STOPPING=1\n" + line("STATUS", status));
}

void notifier::main_pid(pid_t pid) const noexcept {
    send(line("MAINPID", std::to_string(pid)));
}

oocrpc::awaitable<void> notifier::watchdog() const {
    if (watchdog_ <= std::chrono::microseconds::zero()) co_return;
    for (;;) {
        send("WATCHDOG=1\n");
        co_await oocrpc::sleep_for(watchdog_ / 2);
    }
}

} // namespace host
