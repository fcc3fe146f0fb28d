// Until the runner of the tree is merged: one thread, no daemon.
#include "run.hpp"

#include <csignal>
#include <deque>
#include <iostream>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <oocrpc/application.hpp>
#include <oocrpc/components.hpp>

#include "exit.hpp"

namespace host {
namespace {

using namespace oocrpc;

class simple_host final : public plugin_host {
  public:
    simple_host(const component_settings& s, any_io_executor ex, std::chrono::milliseconds drain)
        : settings_(s),
          executor_(std::move(ex)),
          drain_(drain) {}

    const std::string& name() const override { return settings_.name; }
    const option_values& options() const override { return settings_.values; }
    any_io_executor executor() override { return executor_; }
    std::unique_ptr<component> serve(handler h, serve_options how) override {
        how.server.limit.max_in_flight = options().size("max-in-flight");
        how.server.max_connections = options().size("max-connections");
        how.server.drain_timeout = drain_;
        auto urls = how.urls.empty() ? options().texts("listen") : how.urls;
        auto made = std::make_unique<server_component>(how.name.empty() ? name() : how.name,
                                                       std::move(urls), std::move(h), how.server);
        servers.push_back(made.get());
        return made;
    }
    std::chrono::milliseconds drain_timeout() const override { return drain_; }
    void also_ready_on(std::string address) override { also.push_back(std::move(address)); }
    void hint(std::string lines) override { hints += lines + "\n"; }
    void log(log_level, std::string_view message, log_fields fields) override {
        std::string line(message);
        for (const auto& [key, value] : fields) line += " " + key + "=" + value;
        spdlog::info("{}: {}", name(), line);
    }

    std::vector<server_component*> servers;
    std::vector<std::string> also;
    std::string hints;

  private:
    const component_settings& settings_;
    any_io_executor executor_;
    std::chrono::milliseconds drain_;
};

std::string ready_line(const std::string& program, std::deque<simple_host>& hosts) {
    std::string line, hints;
    const auto add = [&](const std::string& a) { line += (line.empty() ? "" : ", ") + a; };
    for (auto& h : hosts) {
        for (auto* s : h.servers)
            for (const auto& a : s->addresses()) add(a.to_string());
        for (const auto& a : h.also) add(a);
        hints += h.hints;
    }
    return program + ": ready on " + line + "\n" + hints;
}

} // namespace

int run(const request& what, plugins& known) {
    auto all = load(what, known);
    spdlog::set_default_logger(spdlog::stderr_color_mt("host"));
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context io(1);
    std::deque<simple_host> hosts;
    application_options how;
    how.drain_timeout = all.host.duration("drain-timeout");
    how.on_stopping = [](int) { spdlog::info("draining"); };
    how.on_ready = [&]() -> awaitable<void> {
        std::cout << ready_line(what.program, hosts) << std::flush;
        co_return;
    };
    application app("application", how);
    for (auto& c : all.components) {
        hosts.emplace_back(c, io.get_executor(), how.drain_timeout);
        app.add(c.of->make(hosts.back()), c.policy);
    }
    int code = 0;
    std::exception_ptr failed;
    asio::co_spawn(io, app.run(), [&](std::exception_ptr e, int n) {
        failed = e;
        code = n;
    });
    io.run();
    if (failed) std::rethrow_exception(failed);
    return code;
}

} // namespace host
