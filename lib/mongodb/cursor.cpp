#include "cursor.hpp"

#include <algorithm>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/deadline.hpp>

namespace oocrpc::mongodb {
namespace {

// MongoDB's numbers and names for what our own table has no word for.
constexpr int cursor_killed = 237;
constexpr int cursor_in_use = 12051;

} // namespace

batch_writer::batch_writer(byte_buffer& out, bool first)
    : out_(out),
      reply_(out),
      cursor_(reply_, "cursor"),
      documents_(cursor_, first ? "firstBatch" : "nextBatch") {}

bool batch_writer::add(bson::value_view v, std::size_t most) {
    if (count_ > 0 && out_.size() + v.data.size() > most) return false;
    ++count_;
    if (v.t == bson::type::document) {
        documents_.add(v);
        return true;
    }
    bson::document_writer d(documents_);
    d.add("reply", v);
    d.finish();
    return true;
}

void batch_writer::finish(std::int64_t number, const std::string& ns) {
    documents_.finish();
    cursor_.add("id", number);
    cursor_.add("ns", ns);
    cursor_.finish();
    reply_.finish();
}

void cursor::begin_batch() {
    if (ended_)
        throw rpc_error(errc::cursor_not_found, "cursor id " + std::to_string(number_) + " ended");
    if (busy_)
        throw rpc_error("CursorInUse",
                        "cursor id " + std::to_string(number_) + " is already in use",
                        cursor_in_use);
    busy_ = true;
    if (idle_) idle_->disarm();
}

cursor::filling cursor::fill(batch_writer& out, const batch_request& ask) {
    while (out.count() < ask.size && terms_.limit > 0) {
        if (ended_)
            throw rpc_error("CursorKilled", "cursor id " + std::to_string(number_) + " was killed",
                            cursor_killed);
        const auto wanted = std::min(ask.size - out.count(), terms_.limit);
        source_->demand(terms_.skip > INT64_MAX - wanted ? INT64_MAX : wanted + terms_.skip);
        const auto at = source_->look();
        if (at == source::state::pending) return filling::dry;
        if (at == source::state::over) break;
        if (at == source::state::failed) {
            if (out.count() > 0) break; // the next batch tells
            throw source_->failure();
        }
        if (terms_.skip > 0) {
            --terms_.skip;
        } else {
            if (!out.add(source_->value(), options_.batch_bytes)) break;
            --terms_.limit;
        }
        source_->pop();
    }
    return filling::done;
}

awaitable<byte_buffer> cursor::batch(batch_request ask) {
    const auto self = shared_from_this();
    begin_batch();
    byte_buffer answer;
    try {
        batch_writer out(answer, ask.first);
        auto until = ask.until;
        bool hasten = false;
        while (fill(out, ask) == filling::dry) {
            // There is no other batch, or as for an exhaust query all are to be in this one: no
            // haste.
            const bool whole = ask.last || ask.size == INT32_MAX;
            if (out.count() > 0 && !whole && !std::exchange(hasten, true))
                until = clock::of(home()).after(options_.batch_wait);
            const bool some = co_await arrives(until);
            if (!some) break;
        }
        finish_batch(out, ask);
    } catch (...) {
        // Nobody else can know what of this batch is lost.
        busy_ = false;
        end();
        throw;
    }
    co_return answer;
}

byte_buffer cursor::batch_now(batch_request ask) {
    begin_batch();
    byte_buffer answer;
    batch_writer out(answer, ask.first);
    fill(out, ask);
    finish_batch(out, ask);
    return answer;
}

/// False where the time is over. The wait is then cancelled, by us or, as getMore's maxTimeMS is
/// also the time that the call may take, by the connection; the batch goes out all the same.
awaitable<bool> cursor::arrives(time_point until) {
    if (until == time_point::max()) {
        co_await source_->arrival();
        co_return true;
    }
    auto& time = clock::of(home());
    if (time.now() >= until) co_return false;
    try {
        co_await with_deadline(until, source_->arrival());
        co_return true;
    } catch (const rpc_error&) {
        if (time.now() < until) throw;
    }
    co_return false;
}

void cursor::finish_batch(batch_writer& out, const batch_request& ask) {
    busy_ = false;
    const bool more =
        !ended_ && !ask.last && terms_.limit > 0 && source_->look() != source::state::over;
    if (more) keep();
    out.finish(more ? number_.load() : 0, terms_.ns);
    if (!more) end();
}

void cursor::keep() {
    if (number_ == 0) {
        source_->own();
        stored_ = source_->stored();
        if (auto r = registry_.lock()) number_ = r->cursors.add(shared_from_this());
        idle_.emplace(home());
    }
    idle_->arm(clock::of(home()).after(options_.idle), [this] {
        const auto self = shared_from_this();
        end();
    });
}

void cursor::end() {
    if (ended_.exchange(true)) return;
    const auto self = shared_from_this(); // forgetting may be the end of us
    if (const auto r = registry_.lock(); r && number_ != 0) r->cursors.forget(number_);
    if (idle_) idle_->disarm();
    source_->stop();
    stored_ = 0;
}

} // namespace oocrpc::mongodb
