#include "password.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <oocrpc/scram.hpp>

#include "failure.hpp"

namespace oocrpc::apps {
namespace {

/// More than any line that a terminal hands out at once.
constexpr std::size_t most_typed = 4096;

/// Without the end of the line.
secret first_line(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return secret(text);
}

class descriptor {
  public:
    explicit descriptor(int number) : number_(number) {}
    ~descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    descriptor(const descriptor&) = delete;
    operator int() const noexcept { return number_; }

  private:
    int number_;
};

/// Signals that end the program wait, so that it does not leave a terminal behind that is mute.
class held_signals {
  public:
    held_signals() {
        sigemptyset(&ending_);
        for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
            struct sigaction set{};
            ::sigaction(s, nullptr, &set);
            if (set.sa_handler != SIG_IGN) sigaddset(&ending_, s); // else it does not end it
        }
        auto held = ending_;
        sigaddset(&held, SIGTSTP);
        ::sigprocmask(SIG_BLOCK, &held, &before_);
    }
    ~held_signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    held_signals(const held_signals&) = delete;
    const sigset_t& ending() const noexcept { return ending_; }

  private:
    sigset_t ending_{}, before_{};
};

/// The terminal that the program was started from, which shows nothing of what is typed.
class mute_terminal {
  public:
    explicit mute_terminal(const std::string& instead)
        : file_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
        if (file_ < 0 || ::tcgetattr(file_, &before_) != 0)
            throw failure(usage_error,
                          "there is no terminal to ask for the password on; see " + instead);
        auto mute = before_;
        mute.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        mute.c_lflag |= ICANON | ECHONL;
        ::tcsetattr(file_, TCSAFLUSH, &mute);
    }
    ~mute_terminal() { ::tcsetattr(file_, TCSAFLUSH, &before_); }
    mute_terminal(const mute_terminal&) = delete;

    /// False where a signal has come instead of an answer.
    bool ask(const std::string& prompt, const descriptor& signals, secret& answer) {
        if (::write(file_, prompt.data(), prompt.size()) < 0) fail(errno);
        pollfd ready[]{{file_, POLLIN, 0}, {signals, POLLIN, 0}};
        if (::poll(ready, 2, -1) < 0) fail(errno);
        if (ready[1].revents) return false;
        secret typed(most_typed);
        const auto n = ::read(file_, typed.data(), typed.size());
        if (n < 0) fail(errno);
        answer = first_line(typed.view().substr(0, static_cast<std::size_t>(n)));
        return true;
    }

  private:
    [[noreturn]] static void fail(int why) {
        throw failure(software_error, std::string("the terminal: ") + std::strerror(why));
    }

    descriptor file_;
    termios before_{};
};

/// Puts each question in turn. A signal that has come ends the program here, with the terminal as
/// it was.
std::vector<secret> ask(const std::vector<std::string>& questions, const std::string& instead) {
    std::vector<secret> answers(questions.size());
    const held_signals held;
    const descriptor signals(::signalfd(-1, &held.ending(), SFD_CLOEXEC));
    mute_terminal terminal(instead);
    for (std::size_t i = 0; i < questions.size(); ++i)
        if (!terminal.ask(questions[i], signals, answers[i])) break;
    return answers;
}

std::string question(const std::string& of_whom) {
    return "Password of " + of_whom + ": ";
}

secret all_of(int file, const std::string& name) {
    secret text(oocrpc::scram::max_password + 3); // the end of a line, and one byte too many
    std::size_t have = 0;
    for (;;) {
        if (have == text.size())
            throw failure(usage_error, name + ": longer than a password can be, 1024 bytes");
        const auto n = ::read(file, text.data() + have, text.size() - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw failure(no_input, "cannot read " + name + ": " + std::strerror(errno));
        if (n == 0) return first_line(text.view().substr(0, have));
        have += static_cast<std::size_t>(n);
    }
}

} // namespace

secret ask_password(const std::string& of_whom, const std::string& instead) {
    auto answers = ask({question(of_whom)}, instead);
    return std::move(answers.front());
}

secret ask_new_password(const std::string& of_whom, const std::string& instead) {
    auto answers = ask({question(of_whom), "The same again: "}, instead);
    if (answers[0].view() != answers[1].view())
        throw failure(usage_error, "the two passwords differ");
    return std::move(answers[0]);
}

secret password_in(const std::string& path) {
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (file < 0) throw failure(no_input, "cannot read '" + path + "': " + std::strerror(errno));
    return all_of(file, "'" + path + "'");
}

secret password_on_stdin() {
    if (::isatty(STDIN_FILENO))
        throw failure(usage_error, "stdin is a terminal, which would show the password; without "
                                   "--password-stdin it is asked for");
    return all_of(STDIN_FILENO, "the password on stdin");
}

} // namespace oocrpc::apps
