#pragma once

#include <optional>

#include <asio/signal_set.hpp>

#include <oocrpc/task_group.hpp>

#include "daemonize.hpp"
#include "listening_sockets.hpp"
#include "notify.hpp"
#include "pid_file.hpp"
#include "privileges.hpp"
#include "seldom.hpp"
#include "tree.hpp"

namespace host {

/// One run of a host: the process around the tree of components.
///
/// Made when the process has its final number and one thread; its members begin in the order in
/// which they are needed and end in reverse.
class process {
  public:
    process(const request& what, plugins& known, settings all, notifier& tell,
            std::vector<inherited_socket> inherited, startup_report report);

    /// Serves until it is told to stop, and returns the exit code.
    int run();

  private:
    oocrpc::application_options tree_options(const oocrpc::option_values& host);
    oocrpc::access_options access_hooks();
    std::optional<oocrpc::user_store> users_of(const oocrpc::option_values& next) const;
    oocrpc::awaitable<void> life();
    oocrpc::awaitable<void> end_reloads();
    oocrpc::awaitable<void> ready();
    oocrpc::awaitable<void> reload_on_signal();
    oocrpc::awaitable<void> dump_on_signal();
    oocrpc::awaitable<void> reload();
    void stopping(int signal);
    void stopped();
    [[noreturn]] void fail();
    void write(oocrpc::log_level level, std::string_view message, oocrpc::log_fields fields = {});

    const request& request_;
    plugins& known_;
    notifier& tell_;
    startup_report report_;
    std::optional<pid_file> pid_file_;
    privileges privileges_;
    log log_;
    seldom failed_logins_;
    std::shared_ptr<listening_sockets> sockets_;
    workers loops_;
    std::shared_ptr<oocrpc::access_control> access_; // null: nobody has to log in
    // Of their own: a reload may wait for calls of what it has replaced, which a dump shows.
    asio::signal_set reload_signal_, dump_signal_;
    oocrpc::task_group tasks_, reloads_;
    oocrpc::option_values started_with_; // of the host
    tree tree_;
    oocrpc::time_point drain_end_{}; // once it drains
    int exit_code_ = 0;
    std::exception_ptr failed_;
};

} // namespace host
