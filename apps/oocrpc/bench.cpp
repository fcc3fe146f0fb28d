#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <vector>

#include <oocrpc/clock.hpp>
#include <oocrpc/task_group.hpp>

#include "arguments.hpp"
#include "bench_load.hpp"
#include "bench_report.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace oocrpc::cli {
namespace {

using loads = std::vector<std::unique_ptr<bench_load>>;

duration to_duration(double seconds) {
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
}

double to_seconds(duration d) {
    return std::chrono::duration<double>(d).count();
}

std::uint64_t total(const loads& all, std::atomic<std::uint64_t> bench_counts::* counter) {
    std::uint64_t sum = 0;
    for (const auto& load : all) sum += (load->counts().*counter).load(std::memory_order_relaxed);
    return sum;
}

// Shows how it goes, once a second, where a person looks on; ends with a cancel.
awaitable<void> show_progress(const loads& all) {
    const std::chrono::seconds pause(1);
    for (auto before = total(all, &bench_counts::calls);;) {
        co_await sleep_for(pause);
        const auto calls = total(all, &bench_counts::calls);
        std::fprintf(stderr, "\r\x1b[K%llu calls/s, %llu errors",
                     static_cast<unsigned long long>(calls - before),
                     static_cast<unsigned long long>(total(all, &bench_counts::errors)));
        before = calls;
    }
}

awaitable<loads> connect_all(const bench_plan& plan, const std::atomic<bench_phase>& phase) {
    loads all;
    const auto threads = std::min(plan.threads, plan.connections);
    for (std::size_t i = 0; i < threads; ++i) {
        all.push_back(std::make_unique<bench_load>(plan, phase));
        const auto share = plan.connections / threads + (i < plan.connections % threads);
        co_await all.back()->connect(share);
    }
    co_return all;
}

// Lets time pass: the warm-up, then what is measured. Returns how long that was; a cancel, as by
// Ctrl-C, makes it shorter.
awaitable<double> measure(const bench_plan& plan, std::atomic<bench_phase>& phase) {
    using clock_type = std::chrono::steady_clock;
    auto begin = clock_type::now();
    try {
        co_await sleep_for(to_duration(plan.warmup));
        phase = bench_phase::measure;
        begin = clock_type::now();
        co_await sleep_for(to_duration(plan.seconds));
    } catch (const rpc_error& e) {
        if (e.code() != errc::cancelled) throw;
    }
    const bool measured = phase == bench_phase::measure;
    phase = bench_phase::stop;
    co_return measured ? to_seconds(clock_type::now() - begin) : 0;
}

awaitable<bench_report> run_bench(const bench_plan& plan) {
    std::atomic<bench_phase> phase = bench_phase::warmup;
    const auto all = co_await connect_all(plan, phase);
    const auto executor = co_await this_coro::executor;
    task_group workers(executor), progress(executor);
    for (const auto& load : all) workers.spawn(load->work());
    const bool watched = !plan.as_json && isatty(STDERR_FILENO);
    if (watched) progress.spawn(show_progress(all));

    bench_report report;
    report.seconds = co_await measure(plan, phase);
    progress.cancel();
    if (watched) std::fputs("\r\x1b[K", stderr);
    // What is in flight is waited for also after Ctrl-C; its deadline bounds that.
    co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await workers.join();
    for (const auto& load : all) {
        report.latencies.add(load->counts().latencies);
        report.errors += load->counts().errors;
        if (const auto& e = load->counts().first_error)
            std::cerr << error_line(*e) << " (the first of its thread)" << std::endl;
    }
    co_return report;
}

awaitable<exit_code> bench(const bench_plan& plan) {
    const auto report = co_await run_bench(plan);
    print_line(plan.as_json ? report.to_json() : report.to_text());
    co_return exit_code::ok;
}

} // namespace

void add_bench(CLI::App& program, command& chosen) {
    auto& sub = *program.add_subcommand("bench", "Measure how fast a server answers a call.");
    auto plan = std::make_shared<bench_plan>();
    add_server(sub, plan->server);
    add_method(sub, plan->method);
    auto* words = add_words(sub);
    const auto number = [&](const char* name, std::size_t& value, std::size_t most,
                            const char* what) {
        sub.add_option(name, value, what)
            ->type_name("N")
            ->capture_default_str()
            ->check(CLI::Range(std::size_t{1}, most));
    };
    const auto seconds = [&](const char* name, double& value, const char* what) {
        sub.add_option(name, value, what)
            ->type_name("SECONDS")
            ->capture_default_str()
            ->check(CLI::Range(0.0, 1e6));
    };
    number("-c,--connections", plan->connections, 100'000, "connections, of all threads together");
    number("-i,--in-flight", plan->in_flight, 65'536, "calls in flight on each connection");
    sub.add_option("--rate", plan->rate,
                   "begin so many calls a second, on all connections together, instead of each as "
                   "soon as the one before it is answered")
        ->type_name("N")
        ->check(CLI::Range(0.001, 1e9));
    number("--threads", plan->threads, 1024, "threads with an event loop each");
    seconds("-d,--duration", plan->seconds, "how long to measure");
    seconds("--warmup", plan->warmup, "how long to call before that");
    add_timeout(sub, plan->options.when);
    sub.add_flag("--json", plan->as_json, "one object in JSON");
    sub.callback([=, &chosen] {
        plan->arguments = encode_arguments(as_typed(words->results()), std::nullopt);
        plan->server.find_password();
        chosen = [plan] { return bench(*plan); };
    });
}

} // namespace oocrpc::cli
