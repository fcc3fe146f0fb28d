#pragma once
// What the clients of the benchmark share, whatever they speak: the command line, the latencies,
// the processor time, and the JSON that they print. It includes nothing of what is measured.
//
//     NAME server PORT                                         PORT 0: any
//     NAME client PORT CONNECTIONS IN_FLIGHT SECONDS SIZE      SIZE 0: add(2, 3)

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/resource.h>

namespace bench {

using clock = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

/// The command line of a client.
struct arguments {
    std::uint16_t port = 0;
    int connections = 0;
    int in_flight = 0;    // calls on each connection; an answer starts the next one
    seconds span{};       // is measured, after a tenth of it to warm up
    std::size_t size = 0; // bytes of an echo; 0 stands for add(2, 3)
};

/// How many calls there were, and how long they took, in ranges of at most 1/64 of their value; a
/// few kilobytes, whatever it takes.
class histogram {
  public:
    void add(clock::duration latency) {
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(latency).count();
        ++ranges_[range_of(static_cast<std::uint64_t>(ns < 0 ? 0 : ns))];
        ++timed_;
        ++count_;
    }
    /// A call whose time nobody took.
    void add() { ++count_; }

    histogram& operator+=(const histogram& other) {
        for (std::size_t i = 0; i < ranges_.size(); ++i) ranges_[i] += other.ranges_[i];
        timed_ += other.timed_;
        count_ += other.count_;
        return *this;
    }

    std::uint64_t count() const { return count_; }

    /// Microseconds that the part `q` of all timed calls took at most; 0 if there were none.
    double quantile(double q) const {
        const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(timed_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < ranges_.size(); ++i)
            if ((seen += ranges_[i]) > rank) return middle_of(i) / 1000;
        return 0;
    }

  private:
    // Values below 128 have a range each; above, each power of two has 64.
    static std::size_t range_of(std::uint64_t ns) {
        const int shift = ns < 128 ? 0 : 64 - 7 - std::countl_zero(ns);
        return 64 * static_cast<std::size_t>(shift) + (ns >> shift);
    }

    static double middle_of(std::size_t range) {
        if (range < 128) return static_cast<double>(range);
        const auto shift = range / 64 - 1;
        const auto lowest = static_cast<double>((64 + range % 64) << shift);
        return lowest + static_cast<double>(std::uint64_t{1} << shift) / 2;
    }

    std::array<std::uint64_t, 64 * 59> ranges_{};
    std::uint64_t timed_ = 0, count_ = 0;
};

/// Processor time of this process so far, all threads, in the kernel as well.
inline seconds processor_time() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& t) {
        return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

/// The measured time: begins when it is made, ends with stop().
class stretch {
  public:
    void stop() {
        took_ = clock::now() - begin_;
        used_ = processor_time() - used_before_;
    }

    /// One object on standard output: of the calls that were answered in this time.
    void print(const histogram& latencies) const {
        const auto calls = static_cast<double>(latencies.count());
        std::printf("{\"calls_per_s\":%.1f,\"calls\":%.0f,\"seconds\":%.3f,\"p50_us\":%.3f,"
                    "\"p99_us\":%.3f,\"cpu_us_per_call\":%.3f}\n",
                    calls / took_.count(), calls, took_.count(), latencies.quantile(0.5),
                    latencies.quantile(0.99), calls > 0 ? used_.count() * 1e6 / calls : 0);
        std::fflush(stdout);
    }

  private:
    clock::time_point begin_ = clock::now();
    seconds used_before_ = processor_time(), took_{}, used_{};
};

/// Measures a client of one thread: `run(clock::duration)` works on its connections for so long,
/// and adds what it sees to `latencies`.
template <class Run> void measure(seconds span, histogram& latencies, Run run) {
    const auto whole = std::chrono::duration_cast<clock::duration>(span);
    run(whole / 10);
    latencies = {};
    stretch measured;
    run(whole);
    measured.stop();
    measured.print(latencies);
}

/// What an echo sends: `size` bytes that are no text.
inline std::string payload(std::size_t size) {
    std::string all(size, '\0');
    for (std::size_t i = 0; i < size; ++i) all[i] = static_cast<char>(i * 131 + 7);
    return all;
}

/// Throws unless it is what the echo sent. Only the ends of it are looked at: to compare 64 KiB is
/// a tenth of the call, and it is the calls that are measured.
inline void expect_echo(std::string_view answer, std::string_view sent) {
    if (answer.size() != sent.size() || answer.front() != sent.front() ||
        answer.back() != sent.back())
        throw std::runtime_error("an echo is not what was sent");
}

/// Throws unless it is 2 + 3.
inline void expect_sum(std::int32_t sum) {
    if (sum != 5) throw std::runtime_error("2 + 3 is " + std::to_string(sum));
}

/// Tells whoever started the server that it listens, and where.
inline void say_ready(int port) {
    std::printf("ready on port %d\n", port);
    std::fflush(stdout);
}

template <class Number> bool parse(std::string_view word, Number& to, Number least) {
    const auto end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, to);
    return error == std::errc() && stop == end && to >= least;
}

inline bool parse(std::span<char*> words, arguments& a) {
    double span = 0;
    const bool sound = words.size() == 5 && parse<std::uint16_t>(words[0], a.port, 1) &&
                       parse(words[1], a.connections, 1) && parse(words[2], a.in_flight, 1) &&
                       parse(words[3], span, 0.01) && parse<std::size_t>(words[4], a.size, 0);
    a.span = seconds(span);
    return sound;
}

/// The main function of a reference peer: `serve(port)` or `client(arguments)`, and the exit
/// status.
template <class Serve, class Client>
int run(int argc, char** argv, Serve serve, Client client) try {
    const std::span words(argv, static_cast<std::size_t>(argc));
    const std::string_view mode = argc > 1 ? words[1] : "";
    std::uint16_t port = 0;
    arguments a;
    if (mode == "server" && argc == 3 && parse<std::uint16_t>(words[2], port, 0))
        serve(port);
    else if (mode == "client" && parse(words.subspan(2), a))
        client(a);
    else {
        std::fprintf(stderr,
                     "usage: %s server PORT\n"
                     "       %s client PORT CONNECTIONS IN_FLIGHT SECONDS SIZE\n",
                     argv[0], argv[0]);
        return 64;
    }
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
}

} // namespace bench
