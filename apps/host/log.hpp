#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <oocrpc/plugin.hpp>
#include <oocrpc/unhandled.hpp>

#include "log_format.hpp"

namespace host {

enum class log_format { text, json };
/// The format of that name; throws failure(usage_error).
log_format log_format_of(std::string_view name);

struct log_options {
    std::string program = "oocrpcd"; ///< the component of what names none, and syslog's name
    log_threshold level = oocrpc::log_level::info;
    log_format format = log_format::text;
    std::string file;          ///< appended to; empty: none. Opened where the process is then.
    std::optional<uid_t> user; ///< who may own the file besides root, where root opens it
    bool to_syslog = false;    ///< as daemon.*; always the text format
};

/// The log of the process: what components, the library and spdlog's default logger have to say;
/// on stderr where there is neither a file nor syslog.
///
/// Each entry is one line, written at once and whole, so that processes may share a file. Takes
/// over spdlog's default logger and oocrpc::on_unhandled() while it lives, so there is one at a
/// time. Thread-safe. A line that cannot be written, on a full disk, is lost; the next that can be
/// is preceded by one that tells how many were. What was written of one before the disk was full
/// stays a line of its own.
///
/// Root may be writing where another user may, so a symbolic link is never followed, and root opens
/// only a file of its own or of the user that the process becomes.
class log {
  public:
    /// Throws failure(bad_configuration) that names the file that cannot be opened, and says why.
    explicit log(log_options how);
    ~log();
    log(const log&) = delete;

    void write(oocrpc::log_level level, std::string_view component, std::string_view message,
               const oocrpc::log_fields& fields = {});
    /// Writes an entry of level info, whatever the least level is: what an operator has asked for.
    void answer(std::string_view component, std::string_view message,
                const oocrpc::log_fields& fields = {});
    /// Whether an entry of that level would be written.
    bool enabled(oocrpc::log_level level) const noexcept {
        return static_cast<int>(level) >= least_;
    }
    /// Whether it is written to a file or syslog, and not to stderr alone.
    bool has_target() const noexcept { return !how_.file.empty() || how_.to_syslog; }
    void set_level(log_threshold level) noexcept;
    /// Gives a file that this has made to whom root becomes, who is to open it again. The log says
    /// where that fails.
    void give_to(std::optional<uid_t> user, std::optional<gid_t> group);
    /// Opens the file again by its name, as after logrotate. Where that fails, the old one goes on,
    /// and the log says why. A relative name is that of the directory it was first opened in, also
    /// after chroot, as far as the user that the process then has may open it.
    void reopen();

  private:
    class forwarder; // from spdlog

    struct opened {
        int file;
        bool made; // by this, or it was there
    };
    opened open_file() const;
    std::string line_of(const log_record& r) const;
    void put(const log_record& r);
    void write_line(const std::string& line);

    const log_options how_;
    std::atomic<int> least_;
    std::mutex mutex_;
    int directory_ = -1; // of the file
    std::string name_;   // in there
    int file_ = -1;
    bool made_ = false; // the file, by this
    unsigned long lost_ = 0;
    bool torn_ = false; // what was written last does not end its line
    oocrpc::unhandled_function unhandled_before_;
};

} // namespace host
