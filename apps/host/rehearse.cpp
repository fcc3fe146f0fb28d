#include "rehearse.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace host {
namespace {

using std::chrono::steady_clock;

constexpr char is_good = '+';
constexpr int report = STDERR_FILENO + 1; // where the child has the pipe

/// What ended the child is told by the signal, without a core file or a handler's words; and what
/// is sent to the parent's group must not reach the parent's handlers through shared pipes.
void be_a_child(pid_t parent, int pipe) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::prctl(PR_SET_DUMPABLE, 0);
    for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (null < 0 || ::dup2(null, fd) < 0) ::close(fd);
    if (::dup2(pipe, report) < 0) ::_exit(1);
    // Whoever waits for the end of a connection waits for all that have it.
    ::syscall(SYS_close_range, report + 1, ~0U, 0);
}

std::string result_of(const std::function<void()>& f) {
    try {
        f();
        return std::string(1, is_good);
    } catch (const std::exception& e) {
        return *e.what() ? e.what() : "unknown";
    } catch (...) {
        return "unknown";
    }
}

/// What the child says, or "" where it ends or hangs instead.
std::string heard(int pipe, steady_clock::time_point until, bool& in_time) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
        pollfd readable{pipe, POLLIN, 0};
        const int ready = ::poll(&readable, 1, std::max(0, static_cast<int>(left.count())));
        if (ready < 0 && errno == EINTR) continue;
        in_time = ready > 0;
        std::array<char, PIPE_BUF> text{};
        const auto n = in_time ? ::read(pipe, text.data(), text.size()) : 0;
        return {text.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
    }
}

std::string how_ended(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return "it crashed"; // somebody ignores SIGCHLD
    if (WIFSIGNALED(status)) return std::string("it crashed: ") + ::strsignal(WTERMSIG(status));
    return "it ended the process with " + std::to_string(WEXITSTATUS(status));
}

} // namespace

std::string rehearse(const std::function<void()>& f, std::chrono::milliseconds at_most) {
    const auto until = steady_clock::now() + at_most;
    const auto fail = [] {
        throw std::runtime_error(std::string("cannot try it out: ") + std::strerror(errno));
    };
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail();
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
        be_a_child(parent, pipe[1]);
        const auto result = result_of(f).substr(0, PIPE_BUF);
        const auto told = ::write(report, result.data(), result.size());
        ::_exit(told < 0 ? 1 : 0); // destructors are the parent's
    }
    const int why = errno;
    ::close(pipe[1]);
    bool in_time = true;
    const auto said = child < 0 ? "" : heard(pipe[0], until, in_time);
    ::close(pipe[0]);
    errno = why;
    if (child < 0) fail();
    if (!said.empty() || !in_time) ::kill(child, SIGKILL);
    const auto end = how_ended(child);
    if (!in_time) return "it hangs";
    if (said.empty()) return end;
    return said[0] == is_good ? "" : said;
}

} // namespace host
