#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <random>

#include <bench_report.hpp>

using oocrpc::cli::bench_report;
using oocrpc::cli::histogram;

TEST_SUITE("cli_histogram") {

TEST_CASE("small durations are counted exactly") {
    histogram h;
    for (std::uint64_t ns = 1; ns <= 200; ++ns) h.add(ns);
    CHECK(h.count() == 200);
    CHECK(h.quantile(0.5) == 100);
    CHECK(h.quantile(0.99) == 198);
    CHECK(h.quantile(1) == 200);
}

TEST_CASE("every duration is told with an error of less than one percent") {
    std::mt19937_64 random(1);
    for (int i = 0; i < 10'000; ++i) {
        const auto ns = random() >> (random() % 64);
        const auto h = std::make_unique<histogram>();
        h->add(ns);
        const double exact = static_cast<double>(ns);
        CAPTURE(ns);
        REQUIRE(std::abs(h->quantile(0.5) - exact) <= exact / 100);
    }
}

TEST_CASE("the shortest and the longest duration have a place") {
    histogram h;
    h.add(0);
    h.add(~std::uint64_t{0});
    CHECK(h.quantile(0.5) == 0);
    CHECK(h.quantile(1) > 1.8e19);
}

TEST_CASE("nothing counted has quantiles of 0") {
    const histogram h;
    CHECK(h.count() == 0);
    CHECK(h.quantile(0.99) == 0);
}

TEST_CASE("histograms of several threads add up") {
    histogram a, b;
    for (int i = 0; i < 9; ++i) a.add(10);
    b.add(200);
    a.add(b);
    CHECK(a.count() == 10);
    CHECK(a.quantile(0.9) == 10);
    CHECK(a.quantile(0.91) == 200);
}

TEST_CASE("a report says calls per second and microseconds") {
    bench_report r;
    for (int i = 0; i < 100; ++i) r.latencies.add(200);
    r.errors = 3;
    r.seconds = 0.5;
    CHECK(r.to_json() == R"({"calls_per_s":200.0,"p50_us":0.2,"p90_us":0.2,"p99_us":0.2,)"
                         R"("p999_us":0.2,"calls":100,"errors":3,"seconds":0.5})");
    CHECK(r.to_text() == "200 calls/s, 100 calls and 3 errors in 0.500 s\n"
                         "latency in us: half 0.2, 90% 0.2, 99% 0.2, 99.9% 0.2");
}

TEST_CASE("a report of nothing has no rate") {
    const bench_report r;
    CHECK(r.calls_per_s() == 0);
}

} // TEST_SUITE("cli_histogram")
