#include "log.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include <fcntl.h>
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

bool write_all(int to, std::string_view text) {
    while (!text.empty()) {
        const auto n = ::write(to, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
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
        if (directory_ >= 0) file_ = open_file();
        if (file_ < 0) {
            const int why = errno;
            if (directory_ >= 0) ::close(directory_);
            throw failure(bad_configuration,
                          "cannot open the log '" + how_.file + "': " + std::strerror(why));
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

int log::open_file() const {
    return ::openat(directory_, name_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY,
                    0640);
}

void log::set_level(log_threshold level) noexcept {
    least_ = least_of(level);
    spdlog::default_logger_raw()->set_level(to_spdlog(level));
}

void log::write(log_level level, std::string_view component, std::string_view message,
                const oocrpc::log_fields& fields) {
    if (!enabled(level)) return;
    const log_record r{std::chrono::system_clock::now(), level, component, message, fields};
    if (how_.to_syslog) ::syslog(syslog_priority(level), "%s", text_without_time(r).c_str());
    const bool lines = how_.to_stderr || !how_.file.empty() || !how_.to_syslog;
    if (lines) write_line((how_.format == log_format::json ? json_line(r) : text_line(r)) + "\n");
}

void log::write_line(std::string line) {
    std::lock_guard lock(mutex_);
    if (how_.to_stderr || file_ < 0) write_all(STDERR_FILENO, line);
    if (file_ < 0) return;
    if (lost_ > 0) {
        const oocrpc::log_fields fields{{"count", std::to_string(lost_)}};
        const log_record r{std::chrono::system_clock::now(), log_level::error, how_.program,
                           "lines of the log were lost", fields};
        line.insert(0, (how_.format == log_format::json ? json_line(r) : text_line(r)) + "\n");
    }
    if (write_all(file_, line))
        lost_ = 0;
    else
        ++lost_;
}

void log::reopen() {
    if (directory_ < 0) return;
    const int fresh = open_file();
    if (fresh < 0) {
        const std::string why = std::strerror(errno);
        const oocrpc::log_fields fields{{"file", how_.file}, {"error", why}};
        write(log_level::error, how_.program, "cannot reopen the log, the old file goes on",
              fields);
        return;
    }
    std::lock_guard lock(mutex_);
    ::close(std::exchange(file_, fresh));
}

} // namespace host
