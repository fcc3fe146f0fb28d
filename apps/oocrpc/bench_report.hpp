#pragma once

#include <string>

#include "histogram.hpp"

namespace oocrpc::cli {

/// What a benchmark measured.
struct bench_report {
    histogram latencies; ///< of the calls that succeeded
    std::uint64_t errors = 0;
    double seconds = 0;

    double calls_per_s() const noexcept;
    /// `{"calls_per_s": ..., "p50_us": ..., "p90_us": ..., "p99_us": ..., "p999_us": ...,
    /// "calls": ..., "errors": ..., "seconds": ...}` on one line.
    std::string to_json() const;
    /// The same for a person, in several lines without the last newline.
    std::string to_text() const;
};

} // namespace oocrpc::cli
