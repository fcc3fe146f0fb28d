#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <oocrpc/asio.hpp>

namespace host {

/// Tells systemd, or whoever set NOTIFY_SOCKET, how the service is: sd_notify(3) without its
/// library.
///
/// Made before the process forks or starts threads: it takes the variables out of the environment,
/// so that no child speaks for the service, and connects at once, so that a chroot and dropping
/// privileges change nothing. Where nobody asked, all of it does nothing. Thread-safe.
class notifier {
  public:
    notifier();
    ~notifier();
    notifier(const notifier&) = delete;

    /// Whether somebody listens.
    explicit operator bool() const noexcept { return socket_ >= 0; }
    /// Why nobody does although NOTIFY_SOCKET was set; empty otherwise. For the log.
    const std::string& problem() const noexcept { return problem_; }
    /// How often a sign of life is wanted; zero: never.
    std::chrono::microseconds watchdog_time() const noexcept { return watchdog_; }

    /// Serves, with a line for people. Also what ends reloading().
    void ready(std::string_view status) const noexcept;
    void reloading() const noexcept;
    void stopping(std::string_view status) const noexcept;
    /// The service's process is another than the one that was started.
    void main_pid(pid_t pid) const noexcept;
    /// Gives a sign of life every half of watchdog_time(), so it stops where the loop hangs.
    /// Returns at once where none is wanted, otherwise throws `cancelled`.
    oocrpc::awaitable<void> watchdog() const;

  private:
    void send(const std::string& lines) const noexcept;
    void connect_to(const std::string& address);
    void read_watchdog();

    int socket_ = -1;
    std::string problem_;
    std::chrono::microseconds watchdog_{0};
};

} // namespace host
