#pragma once

#include <cstdint>
#include <vector>

#include "compression.hpp"

namespace oocrpc::mongodb {

/// What an answer has to look like.
enum class answer_shape : std::uint8_t {
    msg,     ///< OP_MSG
    command, ///< OP_REPLY with one document: a command over OP_QUERY
    query,   ///< OP_REPLY with the documents of a cursor
    get_more ///< the same; a cursor that is gone has a flag of its own
};

/// What has to be remembered of a request until it is answered.
struct request {
    std::int64_t id = 0; ///< ours; 0 for none
    std::int32_t request_id = 0;
    answer_shape shape = answer_shape::msg;
    bool get_more = false; ///< by whichever operation
    bool compressed = false;
    mongodb::compressor compressor{};
};

/// The requests of one connection that are not answered yet, by our own id.
///
/// Ids count up from 1. Each request lies at its id modulo the size of a table, which is at most
/// half full: an id whose place is taken is passed over.
class pending_requests {
  public:
    /// Registers a request; its id is returned.
    std::int64_t add(request r) {
        if (2 * count_ >= table_.size()) grow();
        while (place(++last_).id) {
        }
        r.id = last_;
        place(last_) = r;
        ++count_;
        return last_;
    }
    /// Null for an id that is unknown or was answered.
    const request* find(std::int64_t id) const noexcept {
        if (id <= 0 || table_.empty()) return nullptr;
        const auto& r = table_[static_cast<std::size_t>(id) & (table_.size() - 1)];
        return r.id == id ? &r : nullptr;
    }
    /// Forgets a request that find() has found.
    void remove(std::int64_t id) noexcept {
        place(id).id = 0;
        --count_;
    }
    /// The id of the latest request that carries this requestID, 0 where there is none.
    std::int64_t id_of(std::int32_t request_id) const noexcept {
        std::int64_t latest = 0;
        for (const auto& r : table_)
            if (r.id > latest && r.request_id == request_id) latest = r.id;
        return latest;
    }
    std::size_t size() const noexcept { return count_; }

  private:
    request& place(std::int64_t id) noexcept {
        return table_[static_cast<std::size_t>(id) & (table_.size() - 1)];
    }
    void grow() {
        std::vector<request> old(table_.empty() ? 16 : 2 * table_.size());
        old.swap(table_);
        for (const auto& r : old)
            if (r.id) place(r.id) = r;
    }

    std::vector<request> table_; // a power of two
    std::size_t count_ = 0;
    std::int64_t last_ = 0;
};

} // namespace oocrpc::mongodb
