#include "cache.hpp"

#include <utility>

namespace oocrpc::proxy {

std::size_t cache::overhead() noexcept {
    // A node and its place in two lists and in the index, the reply with its shared count, and what
    // the allocator adds to each of these.
    constexpr std::size_t pointer = sizeof(void*);
    constexpr std::size_t links = 2 * pointer + 3 * pointer + 6 * pointer;
    constexpr std::size_t allocations = 6 * 2 * pointer;
    return sizeof(node) + sizeof(message) + 2 * pointer + links + allocations;
}

std::size_t cache::cost_of(std::string_view method, std::string_view key, const message& reply) {
    auto cost = overhead() + method.size() + key.size() + reply.body.data.size();
    for (const auto& [name, text] : reply.meta)
        cost += sizeof(metadata::entry) + name.size() + text.size();
    return cost;
}

const cache::entry* cache::find(std::string_view key, time_point now) {
    const auto found = index_.find(key);
    if (found == index_.end()) {
        ++counted_.misses;
        return nullptr;
    }
    const auto at = found->second;
    if (at->what.expires <= now) {
        ++counted_.misses;
        ++counted_.expired;
        remove(at);
        return nullptr;
    }
    ++counted_.hits;
    recent_.splice(recent_.begin(), recent_, at);
    return &at->what;
}

bool cache::insert(std::string_view method, std::string key, reply_ptr reply, duration ttl,
                   time_point now) {
    erase(key);
    const auto cost = cost_of(method, key, *reply);
    if (cost > limit_ || ttl <= duration::zero()) return false;
    make_room(cost);
    const auto expires = ttl < time_point::max() - now ? now + ttl : time_point::max();
    auto group = methods_.find(method);
    if (group == methods_.end()) group = methods_.emplace(std::string(method), siblings()).first;
    entry what{std::move(key), std::move(reply), now, expires};
    recent_.push_front(node{std::move(what), cost, &*group, {}});
    const auto at = recent_.begin();
    at->place = group->second.insert(group->second.end(), at);
    index_.emplace(at->what.key, at);
    bytes_ += cost;
    return true;
}

void cache::make_room(std::size_t bytes) {
    while (bytes_ > limit_ - bytes) {
        ++counted_.evictions;
        remove(std::prev(recent_.end()));
    }
}

void cache::remove(nodes::iterator at) {
    index_.erase(at->what.key);
    bytes_ -= at->cost;
    auto& [name, group] = *at->method;
    group.erase(at->place);
    if (group.empty()) methods_.erase(methods_.find(name));
    recent_.erase(at);
}

bool cache::erase(std::string_view key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return false;
    remove(found->second);
    return true;
}

std::size_t cache::erase_method(std::string_view method, std::string_view prefix) {
    const auto group = methods_.find(method);
    if (group == methods_.end()) return 0;
    std::size_t removed = 0;
    auto next = group->second.begin();
    // Removing the last one removes the group, and with it the end to compare with.
    for (auto left = group->second.size(); left > 0; --left) {
        const auto at = *next++;
        if (!std::string_view(at->what.key).starts_with(prefix)) continue;
        remove(at);
        ++removed;
    }
    return removed;
}

std::size_t cache::clear() {
    const auto removed = recent_.size();
    index_.clear();
    methods_.clear();
    recent_.clear();
    bytes_ = 0;
    return removed;
}

cache_stats cache::stats() const noexcept {
    auto all = counted_;
    all.entries = recent_.size();
    all.bytes = bytes_;
    return all;
}

} // namespace oocrpc::proxy
