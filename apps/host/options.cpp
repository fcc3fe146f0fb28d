#include <CLI/CLI.hpp>

#include "host.hpp"
#include "validators.hpp"

#include <oocrpc/url.hpp>

namespace host {
CLI::Validator is_url() {
    return checked_by([](const std::string& s) { oocrpc::url::parse(s); });
}

CLI::Validator is_host_port() {
    return checked_by([](const std::string& s) { oocrpc::host_port::parse(s); });
}

std::chrono::milliseconds to_ms(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

void add_options(CLI::App& command, options& into) {
    auto& server = into.server;
    command
        .add_option(
            "--listen", into.listen,
            "Serve on oocrpc://HOST:PORT or oocrpc+unix:///PATH (MongoDB drivers, too), or on\n"
            "mongodb://HOST:PORT (only them)")
        ->type_name("URL")
        ->check(is_url());
    command.add_option("--threads", into.threads, "Threads that serve, sharing the ports")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command
        .add_option("--max-in-flight", server.limit.max_in_flight,
                    "Calls that may run on one connection")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command
        .add_option("--max-connections", server.max_connections,
                    "Connections of one thread; then accepting pauses")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command
        .add_option_function<double>(
            "--drain-timeout", [&server](double s) { server.drain_timeout = to_ms(s); },
            "Seconds that calls in flight get on SIGTERM (default: 10)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.0, 1e6));
    command.add_option("--log-level", into.log_level, "What is logged on stderr")
        ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
        ->capture_default_str();
}

} // namespace host
