#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <oocrpc/message.hpp>

namespace oocrpc::proxy {

struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
        return std::hash<std::string_view>()(text);
    }
};
/// A table that is searched by a view, without a string being made.
template <class T> using by_text = std::unordered_map<std::string, T, text_hash, std::equal_to<>>;

struct cache_stats {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t evictions = 0; ///< entries that made room for others
    std::uint64_t expired = 0;   ///< entries that were too old when somebody looked
    std::size_t entries = 0;
    std::size_t bytes = 0; ///< of keys, replies and what keeping them takes
};

/// Replies by key, at most `limit` bytes of them; the least recently used one goes first.
///
/// It has no clock, no socket and no thread: time is passed in. All operations but erase_method()
/// take constant time. An entry is found by its exact key, which is any string of bytes; the method
/// beside it is what erase_method() goes by. Used on one thread.
class cache {
  public:
    using time_point = std::chrono::steady_clock::time_point;
    using duration = std::chrono::steady_clock::duration;
    using reply_ptr = std::shared_ptr<const message>;

    struct entry {
        std::string key;
        reply_ptr reply; ///< owns its bytes
        time_point stored;
        time_point expires;
    };

    explicit cache(std::size_t limit) : limit_(limit) {}
    cache(cache&&) = delete;

    /// The entry of `key`, which now is the most recently used one; null where there is none, or
    /// none that is fresh. Valid until the next operation that is not const.
    const entry* find(std::string_view key, time_point now);
    /// Keeps `reply` for `ttl`, in place of what `key` had. False where it is not kept: it exceeds
    /// the limit alone, or is to live no time at all.
    bool insert(std::string_view method, std::string key, reply_ptr reply, duration ttl,
                time_point now);

    /// Removes one entry; false where there was none.
    bool erase(std::string_view key);
    /// Removes the entries of a method, those whose key begins with `prefix`; returns how many. In
    /// time proportional to the entries of that method.
    std::size_t erase_method(std::string_view method, std::string_view prefix = {});
    /// Removes everything; returns how many entries there were.
    std::size_t clear();

    cache_stats stats() const noexcept;
    std::size_t limit() const noexcept { return limit_; }
    /// What an entry counts beside the bytes of its key and its reply.
    static std::size_t overhead() noexcept;

  private:
    struct node;
    using nodes = std::list<node>;
    using siblings = std::list<nodes::iterator>;
    using methods = by_text<siblings>;

    struct node {
        entry what;
        std::size_t cost;
        methods::value_type* method; // stays where it is while it has a sibling
        siblings::iterator place;
    };

    static std::size_t cost_of(std::string_view method, std::string_view key, const message& reply);
    void remove(nodes::iterator at);
    void make_room(std::size_t bytes);

    std::size_t limit_;
    std::size_t bytes_ = 0;
    cache_stats counted_;
    nodes recent_; // the most recently used one in front
    methods methods_;
    std::unordered_map<std::string_view, nodes::iterator> index_; // views the keys in recent_
};

} // namespace oocrpc::proxy
