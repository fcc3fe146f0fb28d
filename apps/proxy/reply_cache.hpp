#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <oocrpc/asio.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/promise.hpp>

#include "cache.hpp"

namespace oocrpc::proxy {

/// What is cached, and how.
struct cache_rules {
    static constexpr std::chrono::milliseconds default_ttl{60'000};

    /// The methods that may be served from memory, and for how long. A time of 0 keeps nothing:
    /// equal calls then only share one call while it is under way.
    by_text<std::chrono::milliseconds> methods;
    /// Names of metadata that the result depends on, beside the arguments.
    std::vector<std::string> vary;
    /// Methods whose results are one user's: no other is answered from what that one asked for.
    std::set<std::string, std::less<>> per_user;
    std::size_t limit_bytes = 64u << 20;
};

/// Where an answer came from.
enum class cache_use {
    hit,    ///< memory
    miss,   ///< this call caused the upstream call
    joined, ///< an upstream call that another call had caused
};
std::string_view to_string(cache_use use) noexcept;

/// Cached replies, and the calls under way that fetch them: single flight.
///
/// A call is known by its method, its arguments (without regard to the order of keys and the width
/// of integers; none, an empty array and an empty document are the same, so are one argument and an
/// array of that one), the metadata of `vary`, a token that it carries (`authorization`), and for
/// methods of `per_user` its user. Equal calls in flight share one fetch, and its
/// outcome wakes them all. Errors are told to all that wait and are not kept.
///
/// A fetch belongs to nobody who waits for it: it runs on `executor`, without a deadline, and stops
/// when the last one has left. So each waiter may leave, by cancel or deadline, alone.
///
/// Used on the one thread that runs `executor`.
class reply_cache : public std::enable_shared_from_this<reply_cache> {
  public:
    /// Makes a call upstream. It needs no context, as it outlives the call that caused it. The
    /// message owns its bytes, both ways.
    using fetcher = std::function<awaitable<message>(message call)>;
    using reply_ptr = cache::reply_ptr;

    struct answer {
        reply_ptr reply; ///< a `reply` or an `error`
        cache_use use;
    };
    struct counters {
        std::uint64_t hits = 0;
        std::uint64_t misses = 0; ///< calls that caused a fetch
        std::uint64_t joined = 0; ///< calls that waited for the fetch of another one
        std::size_t fetching = 0; ///< fetches under way
    };

    static std::shared_ptr<reply_cache> make(any_io_executor executor, cache_rules rules,
                                             fetcher fetch);

    /// Whether the calls of that method are cached.
    bool covers(std::string_view method) const {
        return !rules_.methods.empty() && rules_.methods.contains(method);
    }

    /// The fresh entry for a user's call with that metadata; null where there is none, or while a
    /// fetch is under way. Takes no memory. Valid until the cache is used again.
    const cache::entry* find(const message& call, const metadata& meta, std::string_view user);
    /// The answer to a user's call, from memory or fetched. `call`, with its metadata, owns what it
    /// refers to. Throws what the fetch throws, and `cancelled`.
    awaitable<answer> get(message call, std::string user = {});

    /// Forgets all entries; those of a method; those of a method with these arguments, whatever
    /// their metadata. A call that comes afterwards never gets what was asked for before: fetches
    /// under way still answer those who wait for them and nobody else. Returns how many entries
    /// there were.
    std::size_t purge();
    std::size_t purge(std::string_view method);
    std::size_t purge(std::string_view method, bson::value_view arguments);

    cache_stats stats() const noexcept { return cache_.stats(); }
    const counters& counted() const noexcept { return counted_; }
    const cache_rules& rules() const noexcept { return rules_; }
    time_point now() const noexcept { return clock_.now(); }

  private:
    struct flight;
    using flight_ptr = std::shared_ptr<flight>;
    using flights = by_text<flight_ptr>;

    reply_cache(any_io_executor executor, cache_rules rules, fetcher fetch);
    std::string_view prefix_of(std::string_view method, bson::value_view arguments);
    std::string_view key_of(const message& call, const metadata& meta, std::string_view user);
    static awaitable<answer> get_from(std::shared_ptr<reply_cache> self, message call,
                                      std::string user);
    flight_ptr begin(std::string key, message call);
    void forget(const flight& f);
    void landed(flight& f, std::exception_ptr failure, message answer);
    void detach_flights(std::string_view prefix);

    any_io_executor executor_;
    cache_rules rules_;
    fetcher fetch_;
    clock& clock_;
    cache cache_;
    flights flights_;
    counters counted_;
    bool token_seen_ = false;
    byte_buffer key_; // of the call that is being looked up
};

} // namespace oocrpc::proxy
