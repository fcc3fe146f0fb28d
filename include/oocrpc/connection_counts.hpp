#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace oocrpc {

/// How many connections there are, in all and from each address. Thread-safe.
///
/// An address is that of a host, without the port; of IPv6 the first 64 bits, as a host has all
/// that share them. Peers without one, as those of a Unix socket, count in all only.
class connection_counts {
  public:
    enum class outcome { entered, full, address_full };

    /// What the connections of one host have in common; empty: nothing.
    static std::string address_of(std::string_view peer);
    /// Counts a connection from `peer`, such as `127.0.0.1:4711`, unless that would be too many.
    outcome enter(std::string_view peer, std::size_t most, std::size_t most_of_address);
    /// One that has entered is gone.
    void leave(std::string_view peer);

    std::size_t all() const;

  private:
    mutable std::mutex mutex_;
    std::size_t all_ = 0;
    std::unordered_map<std::string, std::size_t> of_address_;
};

} // namespace oocrpc
