#include "process.hpp"

#include <csignal>
#include <iostream>

#include <unistd.h>

#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>

#include "check.hpp"
#include "exit.hpp"
#include "host_options.hpp"
#include "state_dump.hpp"
#include "user_file.hpp"

namespace host {

using namespace oocrpc;

namespace {

std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const auto& n : names) all += (all.empty() ? "" : ",") + n;
    return all;
}

log_options log_options_of(const request& what, const option_values& host,
                           std::optional<uid_t> user) {
    log_options how;
    how.program = what.program;
    how.level = log_threshold_of(host.text("log-level"));
    how.format = log_format_of(host.text("log-format"));
    how.file = host.text("logfile");
    how.user = user;
    how.to_syslog = host.flag("syslog");
    // A daemon's stderr goes nowhere.
    if (becomes_daemon(host) && how.file.empty() && !how.to_syslog) how.file = "oocrpcd.log";
    return how;
}

std::string name_of(int signal) {
    if (signal == SIGINT) return "SIGINT";
    if (signal == SIGTERM) return "SIGTERM";
    return signal == 0 ? "none" : std::to_string(signal);
}

/// The options that a reload leaves as they are, of those that are no longer the same.
std::vector<std::string> need_restart(const option_values& now, const option_values& next) {
    std::vector<std::string> names;
    for (const auto& o : host_options())
        if (o.name != "log-level" && o.name != "plugin-dir" &&
            (o.name != "users" || now.has(o.name) != next.has(o.name)) &&
            now.texts(o.name) != next.texts(o.name))
            names.emplace_back(o.name);
    return names;
}

/// A field of the names, if there are any.
void add(log_fields& to, std::string name, const std::vector<std::string>& names) {
    if (!names.empty()) to.emplace_back(std::move(name), joined(names));
}

} // namespace

process::process(const request& what, plugins& known, settings all, notifier& tell,
                 std::vector<inherited_socket> inherited, startup_report report)
    : request_(what),
      known_(known),
      tell_(tell),
      report_(std::move(report)),
      privileges_(identity_of(all.host)),
      log_(log_options_of(what, all.host, privileges_.user())),
      sockets_(std::make_shared<listening_sockets>(std::move(inherited))),
      loops_(static_cast<unsigned>(all.host.integer("threads")), sockets_),
      access_(access_of(all.host, access_hooks())),
      reload_signal_(loops_.first(), SIGHUP),
      dump_signal_(loops_.first(), SIGUSR1),
      tasks_(loops_.first().get_executor()),
      reloads_(loops_.first().get_executor()),
      started_with_(all.host),
      tree_(std::move(all), loops_, *sockets_, access_, log_, tree_options(started_with_)) {
    if (const auto path = pid_file_path(started_with_); !path.empty()) pid_file_.emplace(path);
    known_.complain = [this](const std::string& line) { write(log_level::error, line); };
    if (!tell_.problem().empty()) write(log_level::warn, tell_.problem());
}

application_options process::tree_options(const option_values& host) {
    application_options how;
    how.drain_timeout = host.duration("drain-timeout");
    how.on_ready = [this] { return ready(); };
    how.on_stopping = [this](int signal) { stopping(signal); };
    return how;
}

access_options process::access_hooks() {
    access_options how;
    how.on_login = [this](const login_attempt& a) {
        log_fields what{{"user", a.user}, {"mechanism", a.mechanism}, {"peer", a.peer}};
        if (a.failure.empty()) return write(log_level::info, "logged in", std::move(what));
        what.emplace_back("reason", a.failure);
        const auto level = failed_logins_.level(what);
        write(level, "a login failed", std::move(what));
    };
    return how;
}

void process::write(log_level level, std::string_view message, log_fields fields) {
    log_.write(level, "host", message, fields);
}

int process::run() {
    asio::co_spawn(loops_.first(), life(), [this](std::exception_ptr e) {
        failed_ = e;
        loops_.stop();
    });
    loops_.run();
    if (failed_) fail();
    return exit_code_;
}

/// Whoever reads the log later has not seen what main() writes to stderr.
void process::fail() {
    if (log_.has_target()) write(log_level::error, "failed", {{"reason", text_of(failed_)}});
    std::rethrow_exception(failed_);
}

awaitable<void> process::life() {
    exit_code_ = co_await tree_.run();
    co_await end_reloads();
    stopped();
    dump_signal_.cancel();
    tasks_.cancel();
    co_await tasks_.join();
}

/// What a reload is about drains as well, for what is left of the drain timeout, unless all is to
/// stop at once.
awaitable<void> process::end_reloads() {
    reload_signal_.cancel();
    asio::signal_set second(loops_.first(), SIGINT, SIGTERM);
    if (exit_code_ != 0) reloads_.cancel();
    second.async_wait([this](std::error_code ec, int number) {
        if (ec) return;
        exit_code_ = 128 + number;
        reloads_.cancel();
    });
    auto ending = reloads_.join();
    try {
        co_await with_deadline(drain_end_, std::move(ending));
    } catch (const rpc_error& e) {
        if (e.code() != errc::deadline_exceeded) throw;
    }
}

awaitable<void> process::ready() {
    // From here on only what is allowed to everybody; the sockets are bound.
    log_.give_to(privileges_.user(), privileges_.group());
    privileges_.drop();
    for (const auto& line : sockets_->unused_inherited())
        write(log_level::warn, "an inherited socket is not used", {{"socket", line}});
    loops_.start();
    tree_.open_gate();
    reloads_.spawn(reload_on_signal());
    tasks_.spawn(dump_on_signal());
    tasks_.spawn(tell_.watchdog());
    const auto at = tree_.addresses();
    write(log_level::info, "ready", {{"addresses", at}, {"pid", std::to_string(::getpid())}});
    std::cout << request_.program << ": ready on " << at << '\n' << tree_.hints() << std::flush;
    report_.ready();
    tell_.ready("serving on " + at);
    co_return;
}

awaitable<void> process::reload_on_signal() {
    while (tree_.running()) {
        auto [ec, number] = co_await reload_signal_.async_wait(use_tuple);
        if (ec || !tree_.running()) co_return;
        co_await reload();
    }
}

awaitable<void> process::dump_on_signal() {
    for (;;) {
        auto [ec, number] = co_await dump_signal_.async_wait(use_tuple);
        if (ec) co_return;
        dump_state(loops_, log_);
    }
}

awaitable<void> process::reload() {
    tell_.reloading();
    log_.reopen();
    std::string refused;
    try {
        auto next = load(request_, known_);
        auto users = users_of(next.host);
        // Whose rights are taken does not keep them while components drain.
        std::function<void()> accepted = [&] {
            if (users) access_->replace(std::move(*users));
        };
        const auto done = co_await tree_.reload(std::move(next), std::move(accepted));
        const auto& host = tree_.current().host;
        log_.set_level(log_threshold_of(host.text("log-level")));
        if (const auto names = need_restart(started_with_, host); !names.empty())
            write(log_level::warn, "these options need a restart", {{"options", joined(names)}});
        sockets_->release_unused();
        log_fields what;
        add(what, "added", done.added);
        add(what, "replaced", done.replaced);
        add(what, "removed", done.removed);
        add(what, "renewed", done.renewed);
        add(what, "failed", done.failed);
        write(done.failed.empty() ? log_level::info : log_level::error, "reloaded", what);
    } catch (const std::exception&) {
        const auto why = std::current_exception();
        if (is_cancelled(why)) throw;
        refused = text_of(why);
    }
    if (!refused.empty())
        write(log_level::error, "reload refused, the old configuration goes on",
              {{"reason", refused}});
    if (tree_.running()) tell_.ready("serving on " + tree_.addresses());
}

/// The users of a reload, read before anything changes.
std::optional<user_store> process::users_of(const option_values& next) const {
    if (!access_ || !next.has("users")) return std::nullopt;
    return load_users(next.text("users"));
}

void process::stopping(int signal) {
    const auto calls = tree_.calls();
    write(log_level::info, "draining",
          {{"signal", name_of(signal)}, {"in_flight", std::to_string(calls.in_flight)}});
    tell_.stopping("draining " + std::to_string(calls.in_flight) + " calls");
    sockets_->stop_keeping();
    drain_end_ =
        clock::of(loops_.first().get_executor()).after(started_with_.duration("drain-timeout"));
}

void process::stopped() {
    const auto calls = tree_.calls();
    // What is still in flight has been cancelled, and ends with its loop.
    write(log_level::info, "drained",
          {{"finished", std::to_string(calls.finished)},
           {"failed", std::to_string(calls.failed)},
           {"cancelled", std::to_string(calls.cancelled + calls.in_flight)}});
    if (!pid_file_) return;
    if (const auto why = pid_file_->remove())
        write(log_level::warn, "the pid file is emptied, not removed", {{"reason", why.message()}});
}

} // namespace host
