#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include <oocrpc/built_in.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/option.hpp>

#include "commands.hpp"
#include "output.hpp"

namespace oocrpc::cli {
namespace {

struct ping_command {
    apps::destination server;
    unsigned count = 4;
    std::chrono::milliseconds interval{1000};
    deadline when;
};

double to_ms(std::chrono::steady_clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
}

template <class... A> void print(const char* format, A... values) {
    char text[160];
    std::snprintf(text, sizeof text, format, values...);
    print_line(text);
}

// A server without `oocrpc.ping`, as one that knows the base protocol only, answers as well: that
// there is no such method takes as long to say.
awaitable<void> round_trip(const client& c, deadline when) {
    auto ping = built_in::ping.with(when);
    try {
        co_await c.call(std::move(ping));
    } catch (const rpc_error& e) {
        if (exit_code_of(e) != exit_code::failed || is_cancelled(std::current_exception())) throw;
    }
}

awaitable<exit_code> ping(const ping_command& p) {
    using clock_type = std::chrono::steady_clock;
    auto start = clock_type::now();
    auto connecting = connect(p.server.url, p.server.how);
    const auto c = co_await std::move(connecting);
    print("connected to %s in %.3f ms", c.address().to_string().c_str(),
          to_ms(clock_type::now() - start));
    double least = 0, most = 0, sum = 0;
    for (unsigned i = 1; i <= p.count; ++i) {
        if (i > 1) co_await sleep_for(p.interval);
        start = clock_type::now();
        co_await round_trip(c, p.when);
        const double ms = to_ms(clock_type::now() - start);
        print("%u: %.3f ms", i, ms);
        least = i > 1 ? std::min(least, ms) : ms;
        most = std::max(most, ms);
        sum += ms;
    }
    print("least %.3f ms, mean %.3f ms, most %.3f ms", least, sum / p.count, most);
    co_return exit_code::ok;
}

} // namespace

void add_ping(CLI::App& program, command& chosen) {
    auto& sub = *program.add_subcommand("ping", "Measure round trips to a server.");
    auto p = std::make_shared<ping_command>();
    add_server(sub, p->server);
    sub.add_option("-c,--count", p->count, "how many round trips")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(1u, 1'000'000u));
    sub.add_option_function<std::string>(
           "-i,--interval",
           [p](const std::string& text) {
               try {
                   p->interval = parse_duration(text);
               } catch (const std::invalid_argument& e) {
                   throw CLI::ValidationError("--interval", e.what());
               }
           },
           "the pause between them (default 1s)")
        ->type_name("DURATION");
    add_timeout(sub, p->when);
    sub.callback([p, &chosen] {
        p->server.find_password();
        chosen = [p] { return ping(*p); };
    });
}

} // namespace oocrpc::cli
