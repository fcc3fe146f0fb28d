#pragma once

#include <host/exit.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace host::test {

/// A pipe; both ends close with it.
struct channel {
    channel() {
        if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    }
    ~channel() {
        close_reader();
        close_writer();
    }
    channel(const channel&) = delete;
    void close_reader() { close(ends[0]); }
    void close_writer() { close(ends[1]); }
    void say(const std::string& text) {
        if (::write(ends[1], text.data(), text.size()) < 0) throw std::runtime_error("no reader");
    }
    /// One line, without its end; what there is where the writers have gone.
    std::string line() {
        std::string text;
        char c = 0;
        while (::read(ends[0], &c, 1) == 1 && c != '\n') text += c;
        return text;
    }
    std::string all() {
        close_writer();
        std::string text;
        char c = 0;
        while (::read(ends[0], &c, 1) == 1) text += c;
        return text;
    }

    std::array<int, 2> ends;

  private:
    static void close(int& fd) {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
};

/// A process of its own that runs `f`, which returns its exit code; what is thrown is told as
/// host::main() does. Killed at the end where it has not been awaited.
class child {
  public:
    template <class F> explicit child(F f) {
        std::cout.flush();
        pid_ = ::fork();
        if (pid_ != 0) return;
        std::signal(SIGTERM, SIG_DFL); // doctest's handler speaks of a crash
        ::dup2(errors_.ends[1], STDERR_FILENO);
        errors_.close_reader();
        errors_.close_writer();
        ::_exit(code_of(f));
    }
    ~child() {
        if (!awaited_) ::kill(pid_, SIGKILL);
        if (!awaited_) status();
    }
    child(const child&) = delete;

    pid_t pid() const { return pid_; }
    bool alive() { return ::waitpid(pid_, &status_, WNOHANG) == 0; }
    /// The exit code, or minus the signal.
    int status() {
        while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
        }
        awaited_ = true;
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
    }
    /// All that it and its children said on stderr, once all of them have closed it.
    std::string errors() { return errors_.all(); }

  private:
    template <class F> static int code_of(F& f) {
        try {
            return f();
        } catch (const host::failure& e) {
            std::cerr << e.what() << std::endl;
            return e.code();
        } catch (const std::exception& e) {
            std::cerr << "unexpected: " << e.what() << std::endl;
            return 99;
        }
    }

    channel errors_;
    pid_t pid_ = -1;
    int status_ = 0;
    bool awaited_ = false;
};

} // namespace host::test
