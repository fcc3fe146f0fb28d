#pragma once

#include <atomic>
#include <cstddef>

namespace oocrpc {

/// What the connections that share it may hold together, in bytes: what they have read of messages
/// and not served, what waits to be sent, and the arguments of calls that run.
///
/// It only counts. Above half of it no connection reads more of a large message; above the whole,
/// calls and large answers are `overloaded`. Thread-safe.
class memory_budget {
  public:
    /// By default half of what the process may have.
    explicit memory_budget(std::size_t most = of_process() / 2) noexcept : most_(most) {}

    std::size_t most() const noexcept { return most_; }
    std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
    bool scarce() const noexcept { return used() > most_ / 2; }
    bool exceeded() const noexcept { return used() > most_; }

    void take(std::size_t n) noexcept { used_.fetch_add(n, std::memory_order_relaxed); }
    void give_back(std::size_t n) noexcept { used_.fetch_sub(n, std::memory_order_relaxed); }

    /// The least of what limits the memory of this process, in bytes: memory.max of its control
    /// group and of those around it (cgroup v2), RLIMIT_AS, and the memory of the machine.
    static std::size_t of_process();

  private:
    const std::size_t most_;
    std::atomic<std::size_t> used_{0};
};

} // namespace oocrpc
