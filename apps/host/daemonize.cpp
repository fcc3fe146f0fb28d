#include "daemonize.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit.hpp"

namespace host {
namespace {

constexpr char is_ready = 'R';

[[noreturn]] void cannot(const std::string& what) {
    const int why = errno;
    throw failure(software_error, "cannot " + what + ": " + std::strerror(why));
}

void close_if_open(int& fd) noexcept {
    if (fd >= 0) ::close(std::exchange(fd, -1));
}

pid_t fork_or_throw() {
    const pid_t child = ::fork();
    if (child < 0) cannot("fork");
    return child;
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return software_error << 8;
    return status;
}

/// The exit code that stands for how `status` ended, which must not have been well.
int tell_failure(int status) {
    if (WIFSIGNALED(status)) {
        const int number = WTERMSIG(status);
        std::cerr << "the daemon was killed by signal " << number << " (" << ::strsignal(number)
                  << ") before it was ready" << std::endl;
        return software_error;
    }
    if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status); // it has said why
    std::cerr << "the daemon ended before it was ready" << std::endl;
    return software_error;
}

bool told_ready(int pipe) {
    for (;;) {
        char told = 0;
        const auto n = ::read(pipe, &told, 1);
        if (n < 0 && errno == EINTR) continue;
        return n == 1 && told == is_ready;
    }
}

/// Has the kernel send that signal when the parent ends, which may have happened already.
void end_with(pid_t parent, int signal) {
    if (::prctl(PR_SET_PDEATHSIG, signal) != 0) cannot("ask for the end of the parent");
    if (::getppid() != parent) ::raise(signal);
}

/// What called daemonize(): ends as the session's leader does, which knows.
[[noreturn]] void end_as(pid_t leader) {
    const int status = wait_for(leader);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : tell_failure(status));
}

/// The session's leader waits for its child, the daemon; when it ends the daemon is init's child.
[[noreturn]] void lead(pid_t daemon, int pipe) {
    ::_exit(told_ready(pipe) ? 0 : tell_failure(wait_for(daemon)));
}

} // namespace

startup_report& startup_report::operator=(startup_report&& other) noexcept {
    std::swap(pipe_, other.pipe_);
    std::swap(null_, other.null_);
    return *this;
}

startup_report::~startup_report() {
    close_if_open(pipe_);
    close_if_open(null_);
}

void startup_report::ready() noexcept {
    if (pipe_ < 0) return;
    std::fflush(nullptr);
    std::cout.flush();
    ::dup2(null_, STDOUT_FILENO);
    ::dup2(null_, STDERR_FILENO);
    ::prctl(PR_SET_PDEATHSIG, 0); // from now on it may end
    ssize_t told = 0;
    while ((told = ::send(pipe_, &is_ready, 1, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    if (told < 0) ::raise(SIGTERM); // which a change of the user has kept the kernel from
    close_if_open(pipe_);
    close_if_open(null_);
}

startup_report daemonize() {
    std::cout.flush();
    std::fflush(nullptr); // or both processes would write what is buffered
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) cannot("open /dev/null");
    int pipe[2]; // of sockets, since writing to one that is gone raises no signal
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipe) != 0) cannot("make a pipe");
    std::signal(SIGCHLD, SIG_DFL); // where it was ignored, nobody could be waited for

    const pid_t caller = ::getpid();
    if (const pid_t leader = fork_or_throw(); leader != 0) {
        ::close(pipe[0]);
        ::close(pipe[1]);
        end_as(leader);
    }
    end_with(caller, SIGKILL);
    const pid_t parent = ::getpid();
    if (::setsid() < 0) cannot("begin a session");
    if (const pid_t daemon = fork_or_throw(); daemon != 0) {
        ::close(pipe[1]);
        lead(daemon, pipe[0]);
    }
    end_with(parent, SIGTERM);
    ::close(pipe[0]);
    if (::dup2(null, STDIN_FILENO) < 0) cannot("redirect stdin");
    return startup_report(pipe[1], null);
}

void enter_rundir(const std::string& path) {
    if (::chdir(path.c_str()) == 0) return;
    const int why = errno;
    throw failure(bad_configuration,
                  "cannot go to the directory '" + path + "': " + std::strerror(why));
}

mode_t parse_umask(std::string_view text) {
    unsigned mask = 0;
    const auto end = text.data() + text.size();
    const auto [stopped, ec] = std::from_chars(text.data(), end, mask, 8);
    if (ec != std::errc() || stopped != end || mask > 0777)
        throw failure(usage_error,
                      "'" + std::string(text) + "' is no umask: an octal number up to 777");
    return static_cast<mode_t>(mask);
}

} // namespace host
