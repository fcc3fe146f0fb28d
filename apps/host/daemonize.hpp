#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace host {

/// Who waits for a daemon to be ready: its parent, or nobody where it runs in the foreground.
///
/// Destroyed without ready(), it leaves the rest to the exit of the process.
class startup_report {
  public:
    /// Nobody waits, and ready() does nothing.
    startup_report() = default;
    startup_report(startup_report&& other) noexcept
        : pipe_(std::exchange(other.pipe_, -1)),
          null_(std::exchange(other.null_, -1)) {}
    startup_report& operator=(startup_report&& other) noexcept;
    ~startup_report();

    /// The daemon serves: the parent ends with 0, and stdout and stderr go to /dev/null. Once.
    ///
    /// Where the parent has been killed nobody knows of the daemon: it gets a SIGTERM.
    void ready() noexcept;

  private:
    friend startup_report daemonize();
    startup_report(int pipe, int null) : pipe_(pipe), null_(null) {}

    int pipe_ = -1;
    int null_ = -1; // opened early: a chroot may have no /dev
};

/// Puts the process into the background: only the daemon returns from this, in a session of its
/// own without a terminal, with stdin at /dev/null.
///
/// What called it waits, as long as the daemon needs, and ends as soon as the daemon is ready, with
/// 0. Where the daemon ends before that, it ends with the same exit code; the daemon has said why
/// on stderr, which both still have then. One that ended with 0, or was killed by a signal, is told
/// on stderr and ends with 70. Where what called it is killed before the daemon is ready, the
/// daemon gets a SIGTERM: who has given up waiting wants none. Called first of all, before threads
/// and event loops exist, since they do not survive a fork. Throws failure(software_error).
startup_report daemonize();

/// Goes to the directory where relative paths of the options begin. Throws
/// failure(bad_configuration).
void enter_rundir(const std::string& path);

/// Reads an octal number such as `027`. Throws failure(usage_error).
mode_t parse_umask(std::string_view text);

} // namespace host
