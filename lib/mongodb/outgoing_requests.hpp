#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace oocrpc::mongodb {

/// A request of ours that is not answered yet.
struct outgoing {
    std::int32_t request_id = 0; ///< 0: the place is free
    std::int64_t id = 0;         ///< of the call; 0: nobody waits any more
    bool whole = false;          ///< the call gets the reply as it is
    bool stream = false;         ///< the call takes items
    std::int32_t next = -1;      ///< place of the next with the same hash of `id`
};

/// The requests of one connection, by requestID and by the id of their call.
///
/// requestIDs count up. Each request lies at its requestID modulo the size of a table that is at
/// most half full; one whose place is taken is passed over. Nothing is allocated but to grow.
class outgoing_requests {
  public:
    /// A requestID that no request has.
    std::int32_t next_id() {
        if (2 * count_ >= table_.size()) grow();
        do last_ = last_ == INT32_MAX ? 1 : last_ + 1;
        while (place(last_).request_id);
        return last_;
    }
    /// Registers a request that has an id of next_id().
    void add(const outgoing& r) {
        place(r.request_id) = r;
        link(r.request_id);
        ++count_;
    }
    /// Null where none has that id. The pointer counts until the next add().
    const outgoing* find(std::int32_t request_id) const noexcept {
        if (request_id <= 0 || table_.empty()) return nullptr;
        const auto& r = table_[index(request_id)];
        return r.request_id == request_id ? &r : nullptr;
    }
    /// The request of a call, null where it has none.
    const outgoing* find_call(std::int64_t id) const noexcept {
        if (table_.empty() || id == 0) return nullptr;
        for (auto at = heads_[hash(id)]; at >= 0; at = table_[unsigned(at)].next)
            if (table_[unsigned(at)].id == id) return &table_[unsigned(at)];
        return nullptr;
    }
    /// Nobody waits for it any more, but its answer still counts. It has to be there.
    void orphan(std::int32_t request_id) noexcept {
        unlink(request_id);
        place(request_id).id = 0;
        ++orphans_;
    }
    /// Forgets a request that is there.
    void remove(std::int32_t request_id) noexcept {
        auto& r = place(request_id);
        if (r.id)
            unlink(request_id);
        else
            --orphans_;
        r.request_id = 0;
        --count_;
    }
    std::size_t size() const noexcept { return count_; }
    std::size_t orphans() const noexcept { return orphans_; }

  private:
    std::size_t index(std::int32_t request_id) const noexcept {
        return static_cast<std::uint32_t>(request_id) & (table_.size() - 1);
    }
    outgoing& place(std::int32_t request_id) noexcept { return table_[index(request_id)]; }
    std::size_t hash(std::int64_t id) const noexcept {
        const auto mixed = static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15u;
        return static_cast<std::size_t>(mixed >> (64 - std::bit_width(table_.size() - 1)));
    }
    void link(std::int32_t request_id) noexcept {
        auto& r = place(request_id);
        auto& head = heads_[hash(r.id)];
        r.next = head;
        head = static_cast<std::int32_t>(index(request_id));
    }
    void unlink(std::int32_t request_id) noexcept {
        const auto& r = place(request_id);
        auto* at = &heads_[hash(r.id)];
        while (*at != static_cast<std::int32_t>(index(request_id)))
            at = &table_[unsigned(*at)].next;
        *at = r.next;
    }
    void grow() {
        std::vector<outgoing> old(table_.empty() ? 16 : 2 * table_.size());
        old.swap(table_);
        heads_.assign(table_.size(), -1);
        for (const auto& r : old) {
            if (!r.request_id) continue;
            place(r.request_id) = r;
            if (r.id) link(r.request_id);
        }
    }

    std::vector<outgoing> table_; // a power of two
    std::vector<std::int32_t> heads_;
    std::size_t count_ = 0;
    std::size_t orphans_ = 0;
    std::int32_t last_ = 0;
};

} // namespace oocrpc::mongodb
