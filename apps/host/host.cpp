#include "host.hpp"

#include <csignal>
#include <iostream>
#include <sys/resource.h>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <oocrpc/unhandled.hpp>

#include "daemon.hpp"

namespace host {
namespace {

void log_to_stderr(const options& how) {
    auto log = spdlog::stderr_color_mt(how.name);
    log->set_level(spdlog::level::from_str(how.log_level));
    log->set_pattern("%Y-%m-%d %H:%M:%S.%e %n %l: %v");
    log->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(log));
    oocrpc::on_unhandled([](std::exception_ptr e, const std::source_location&) {
        try {
            std::rethrow_exception(e);
        } catch (const std::exception& error) {
            spdlog::error("an error that nobody received: {}", error.what());
        } catch (...) {
            spdlog::error("an error that nobody received");
        }
    });
}

/// A connection is a file descriptor, and the usual limit of 1024 is soon reached.
void allow_many_files() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/// Puts `log` in front of what the program itself set.
void log_connections(oocrpc::server_options& server) {
    using oocrpc::peer_info;
    server.on_connected = [then = std::move(server.on_connected)](const peer_info& who) {
        spdlog::debug("{} connected", who.address);
        if (then) then(who);
    };
    server.on_disconnected = [then = std::move(server.on_disconnected)](
                                 const peer_info& who, const oocrpc::rpc_error& why) {
        // A peer that closes its connection is the normal end.
        const bool usual = why.code() == oocrpc::errc::unavailable;
        spdlog::log(usual ? spdlog::level::debug : spdlog::level::warn, "{} disconnected: {}",
                    who.address, why.what());
        if (then) then(who, why);
    };
    server.on_accept_error = [then = std::move(server.on_accept_error)](
                                 const oocrpc::url& at, const std::error_code& why) {
        spdlog::warn("accepting on {}: {}", at.to_string(), why.message());
        if (then) then(at, why);
    };
}

} // namespace

int run(options how, const setup& prepare) {
    if (how.listen.empty()) throw failure(usage_error, "--listen is required");
    log_to_stderr(how);
    allow_many_files();
    std::signal(SIGPIPE, SIG_IGN); // as when nobody reads stdout any more
    log_connections(how.server);

    daemon all(how);
    const auto serve = prepare(all);
    all.listen(how.listen);
    all.start(serve);
    std::cout << how.name << ": ready on " << all.addresses() << '\n';
    if (!how.hint.empty()) std::cout << how.hint << '\n';
    std::cout.flush();
    return all.run();
}

} // namespace host
