#include "log.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <spdlog/sinks/sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "exit.hpp"

namespace host {
namespace {

using oocrpc::log_level;

int syslog_priority(log_level level) {
    switch (level) {
    case log_level::debug:
        return LOG_DEBUG;
    case log_level::info:
        return LOG_INFO;
    case log_level::warn:
        return LOG_WARNING;
    case log_level::error:
        return LOG_ERR;
    }
    return LOG_ERR;
}

log_level from_spdlog(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return log_level::error;
    if (level == spdlog::level::warn) return log_level::warn;
    return level == spdlog::level::info ? log_level::info : log_level::debug;
}

constexpr int above_all = static_cast<int>(log_level::error) + 1;

int least_of(log_threshold level) {
    return level ? static_cast<int>(*level) : above_all;
}

spdlog::level::level_enum to_spdlog(log_threshold level) {
    if (!level) return spdlog::level::off;
    switch (*level) {
    case log_level::debug:
        return spdlog::level::debug;
    case log_level::info:
        return spdlog::level::info;
    case log_level::warn:
        return spdlog::level::warn;
    case log_level::error:
        return spdlog::level::err;
    }
    return spdlog::level::err;
}

/// How much could be written.
std::size_t write_all(int to, std::string_view text) {
    std::size_t done = 0;
    while (done < text.size()) {
        const auto n = ::write(to, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done;
}

bool same_file(int a, int b) {
    struct stat one{};
    struct stat other{};
    return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/// Else somebody may have put it there to have root write to it.
bool may_be_used(int file, std::optional<uid_t> user) {
    if (::geteuid() != 0) return true;
    struct stat found{};
    return ::fstat(file, &found) == 0 && (found.st_uid == 0 || found.st_uid == user);
}

[[noreturn]] void cannot_open(int why) {
    throw std::runtime_error(why == ELOOP ? "it is a symbolic link" : std::strerror(why));
}

std::string text_of(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown";
    }
}

} // namespace

log_format log_format_of(std::string_view name) {
    if (name == "text") return log_format::text;
    if (name == "json") return log_format::json;
    throw failure(usage_error, "'" + std::string(name) + "' is no format of the log: text or json");
}

/// Hands on what the programs say to spdlog's default logger.
class log::forwarder final : public spdlog::sinks::sink {
  public:
    explicit forwarder(host::log& to) : to_(to) {}

    void log(const spdlog::details::log_msg& m) override {
        to_.write(from_spdlog(m.level), {m.logger_name.data(), m.logger_name.size()},
                  {m.payload.data(), m.payload.size()});
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  private:
    host::log& to_;
};

log::log(log_options how) : how_(std::move(how)), least_(least_of(how_.level)) {
    ::tzset(); // while /etc is there: a chroot may have none
    if (!how_.file.empty()) {
        const auto path = std::filesystem::path(how_.file);
        const auto parent = path.has_parent_path() ? path.parent_path().string() : ".";
        name_ = path.filename().string();
        directory_ = ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        try {
            if (directory_ < 0) cannot_open(errno);
            const auto now = open_file();
            file_ = now.file;
            made_ = now.made;
        } catch (const std::runtime_error& e) {
            if (directory_ >= 0) ::close(directory_);
            throw failure(bad_configuration,
                          "cannot open the log '" + how_.file + "': " + e.what());
        }
    }
    if (how_.to_syslog) ::openlog(how_.program.c_str(), LOG_PID | LOG_NDELAY, LOG_DAEMON);
    auto logger =
        std::make_shared<spdlog::logger>(how_.program, std::make_shared<forwarder>(*this));
    logger->set_level(to_spdlog(how_.level));
    spdlog::set_default_logger(std::move(logger));
    unhandled_before_ =
        oocrpc::on_unhandled([this](std::exception_ptr e, const std::source_location& made) {
            oocrpc::log_fields fields{{"error", text_of(e)}};
            if (made.line() != 0)
                fields.emplace_back("made", std::string(made.file_name()) + ":" +
                                                std::to_string(made.line()));
            write(log_level::error, how_.program, "an error that nobody received", fields);
        });
}

log::~log() {
    oocrpc::on_unhandled(std::move(unhandled_before_));
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    if (how_.to_syslog) ::closelog();
    if (file_ >= 0) ::close(file_);
    if (directory_ >= 0) ::close(directory_);
}

/// Throws std::runtime_error that says why not.
log::opened log::open_file() const {
    const int how = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW;
    for (;;) { // as long as others remove and make it between our calls
        opened now{::openat(directory_, name_.c_str(), how), false};
        if (now.file < 0 && errno == ENOENT)
            now = {::openat(directory_, name_.c_str(), how | O_CREAT | O_EXCL, 0640), true};
        if (now.file < 0 && now.made && errno == EEXIST) continue;
        if (now.file < 0) cannot_open(errno);
        if (now.made || may_be_used(now.file, how_.user)) return now;
        ::close(now.file);
        throw std::runtime_error("it belongs to somebody else");
    }
}

void log::set_level(log_threshold level) noexcept {
    least_ = least_of(level);
    spdlog::default_logger_raw()->set_level(to_spdlog(level));
}

void log::write(log_level level, std::string_view component, std::string_view message,
                const oocrpc::log_fields& fields) {
    if (!enabled(level)) return;
    put({std::chrono::system_clock::now(), level, component, message, fields});
}

void log::answer(std::string_view component, std::string_view message,
                 const oocrpc::log_fields& fields) {
    put({std::chrono::system_clock::now(), log_level::info, component, message, fields});
}

void log::put(const log_record& r) {
    if (how_.to_syslog) ::syslog(syslog_priority(r.level), "%s", text_without_time(r).c_str());
    if (!how_.file.empty() || !how_.to_syslog) write_line(line_of(r));
}

std::string log::line_of(const log_record& r) const {
    return (how_.format == log_format::json ? json_line(r) : text_line(r)) + "\n";
}

void log::write_line(const std::string& line) {
    std::lock_guard lock(mutex_);
    if (file_ < 0) {
        write_all(STDERR_FILENO, line);
        return;
    }
    std::string text = torn_ ? "\n" : "";
    if (lost_ > 0) {
        const oocrpc::log_fields fields{{"count", std::to_string(lost_)}};
        text += line_of({std::chrono::system_clock::now(), log_level::error, how_.program,
                         "lines of the log were lost", fields});
    }
    const auto before = text.size();
    text += line;
    const auto written = write_all(file_, text);
    if (written > 0) torn_ = text[written - 1] != '\n';
    if (written >= before) lost_ = 0; // they have been told
    if (written < text.size()) ++lost_;
}

void log::give_to(std::optional<uid_t> user, std::optional<gid_t> group) {
    if (!made_ || ::geteuid() != 0) return;
    if (::fchown(file_, user.value_or(uid_t(-1)), group.value_or(gid_t(-1))) == 0) return;
    write(log_level::warn, how_.program, "the log stays root's",
          {{"file", how_.file}, {"error", std::strerror(errno)}});
}

void log::reopen() {
    if (directory_ < 0) return;
    try {
        const auto fresh = open_file();
        std::lock_guard lock(mutex_);
        torn_ = torn_ && same_file(file_, fresh.file);
        ::close(std::exchange(file_, fresh.file));
    } catch (const std::runtime_error& e) {
        write(log_level::error, how_.program, "cannot reopen the log, the old file goes on",
              {{"file", how_.file}, {"error", e.what()}});
    }
}

} // namespace host
