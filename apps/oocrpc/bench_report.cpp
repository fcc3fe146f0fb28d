#include "bench_report.hpp"

#include <cmath>
#include <cstdio>

#include <oocrpc/value.hpp>

namespace oocrpc::cli {
namespace {

// Microseconds with a nanosecond's digits: more would be noise.
double us(const histogram& h, double part) {
    return std::round(h.quantile(part)) / 1000;
}

} // namespace

double bench_report::calls_per_s() const noexcept {
    return seconds > 0 ? static_cast<double>(latencies.count()) / seconds : 0;
}

std::string bench_report::to_json() const {
    json j;
    j["calls_per_s"] = std::round(calls_per_s() * 10) / 10;
    j["p50_us"] = us(latencies, 0.5);
    j["p90_us"] = us(latencies, 0.9);
    j["p99_us"] = us(latencies, 0.99);
    j["p999_us"] = us(latencies, 0.999);
    j["calls"] = latencies.count();
    j["errors"] = errors;
    j["seconds"] = std::round(seconds * 1000) / 1000;
    return j.dump();
}

std::string bench_report::to_text() const {
    char text[400];
    std::snprintf(text, sizeof text,
                  "%.0f calls/s, %llu calls and %llu errors in %.3f s\n"
                  "latency in us: half %.1f, 90%% %.1f, 99%% %.1f, 99.9%% %.1f",
                  calls_per_s(), static_cast<unsigned long long>(latencies.count()),
                  static_cast<unsigned long long>(errors), seconds, us(latencies, 0.5),
                  us(latencies, 0.9), us(latencies, 0.99), us(latencies, 0.999));
    return text;
}

} // namespace oocrpc::cli
