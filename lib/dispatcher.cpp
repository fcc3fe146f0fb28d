#include <oocrpc/dispatcher.hpp>

#include <algorithm>

namespace oocrpc {
namespace {

// Entries of running calls that are kept for the next ones, so that these allocate nothing.
constexpr std::size_t most_spare = 64;

} // namespace

dispatcher::slot& dispatcher::take_slot(std::int64_t& id, const call_deadline& deadline) {
    std::uint32_t i;
    if (free_.empty()) {
        i = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
    } else {
        i = free_.back();
        free_.pop_back();
    }
    slot& s = slots_[i];
    s.used = true;
    s.deadline = deadline;
    ++waiting_;
    id = static_cast<std::int64_t>(s.generation) << 32 | i;
    return s;
}

void dispatcher::free_slot(slot& s, std::size_t i) noexcept {
    s.used = s.sent = false;
    s.many.reset();
    s.generation = (s.generation + 1) & 0x3fffffff;
    if (s.generation == 0) s.generation = 1;
    free_.push_back(static_cast<std::uint32_t>(i));
    --waiting_;
}

std::int64_t dispatcher::start_call(waiter&& w, const call_deadline& deadline) {
    std::int64_t id;
    take_slot(id, deadline).one = std::move(w);
    return id;
}

std::int64_t dispatcher::start_stream(std::shared_ptr<reply_receiver> r,
                                      const call_deadline& deadline) {
    std::int64_t id;
    take_slot(id, deadline).many = std::move(r);
    return id;
}

void dispatcher::describe(std::int64_t id, std::string_view method, time_point since) {
    auto& s = slots_[index(id)];
    if (s.method != method) s.method.assign(method); // the slot's last call was often the same
    s.since = since;
}

void dispatcher::sent(std::int64_t id) {
    if (peer_ == peer_kind::extended) return;
    fifo_.push_back(id);
    slots_[index(id)].sent = true;
}

void dispatcher::keep_place(const slot& s) noexcept {
    if (s.sent && peer_ != peer_kind::extended) ++dropped_;
}

dispatcher::waiter dispatcher::settle(std::int64_t id) {
    slot& s = slots_[index(id)];
    keep_place(s);
    waiter w = std::move(s.one);
    free_slot(s, index(id));
    return w;
}

bool dispatcher::waiting(std::int64_t id) const noexcept {
    const auto i = index(id);
    return i < slots_.size() && slots_[i].used && slots_[i].generation == (id >> 32);
}

void dispatcher::tell(std::int64_t id, message&& m) {
    slot& s = slots_[index(id)];
    if (s.many) {
        auto receiver = s.many;
        if (m.kind != message_kind::item) {
            s.many.reset();
            free_slot(s, index(id));
        }
        return receiver->on_reply(std::move(m));
    }
    free_slot(s, index(id));
    s.one(std::move(m)); // is out of the slot before it runs and may take it for another call
}

dispatcher::cancel_action dispatcher::abandon(std::int64_t id, message&& outcome) {
    if (!waiting(id)) return cancel_action::none;
    auto action = cancel_action::none;
    if (peer_ == peer_kind::extended) {
        action = cancel_action::send;
    } else if (peer_ == peer_kind::unknown && slots_[index(id)].sent) {
        remembered_cancels_.push_back(id);
        action = cancel_action::later;
    }
    keep_place(slots_[index(id)]);
    tell(id, std::move(outcome));
    return action;
}

bool dispatcher::on_reply(message& m) {
    auto id = m.id;
    if (id == 0) {
        // A base peer's reply belongs to the oldest call; nobody may wait for it any more.
        if (peer_ == peer_kind::extended || fifo_.empty()) return false;
        peer_ = peer_kind::base;
        remembered_cancels_.clear();
        id = fifo_.front();
        if (m.kind != message_kind::item) {
            fifo_.pop_front();
            if (!waiting(id)) --dropped_;
        }
    } else if (peer_ != peer_kind::extended &&
               std::find(fifo_.begin(), fifo_.end(), id) != fifo_.end()) {
        peer_ = peer_kind::extended;
        std::erase(remembered_cancels_, id);
        fifo_.clear();
        dropped_ = 0;
    }
    if (!waiting(id)) return false;
    // An item for a call that took no stream has no receiver.
    if (m.kind == message_kind::item && !slots_[index(id)].many) return false;
    tell(id, std::move(m));
    return true;
}

std::vector<std::int64_t> dispatcher::take_remembered_cancels() {
    if (peer_ != peer_kind::extended) return {};
    return std::exchange(remembered_cancels_, {});
}

std::vector<std::int64_t> dispatcher::expired(time_point now) const {
    std::vector<std::int64_t> ids;
    for (std::size_t i = 0; i < slots_.size(); ++i)
        if (slots_[i].used && slots_[i].deadline.passed(now))
            ids.push_back(static_cast<std::int64_t>(slots_[i].generation) << 32 |
                          static_cast<std::int64_t>(i));
    return ids;
}

std::vector<std::int64_t> dispatcher::all_waiting() const {
    return expired(time_point::max());
}

dispatcher::time_point dispatcher::next_deadline() const noexcept {
    auto next = time_point::max();
    for (auto& s : slots_)
        if (s.used) next = std::min(next, s.deadline.at);
    return next;
}

std::int64_t dispatcher::begin_call(std::int64_t wire_id, context* call, bool answered) {
    const auto key = wire_id ? wire_id : answered ? next_key_-- : next_unordered_++;
    if (spare_.empty()) {
        if (!running_.emplace(key, call).second) return 0;
    } else {
        if (running_.contains(key)) return 0;
        auto node = std::move(spare_.back());
        spare_.pop_back();
        node.key() = key;
        node.mapped() = call;
        running_.insert(std::move(node));
    }
    if (ordered(key)) order_.push_back({key, 0, {}});
    return key;
}

void dispatcher::forget(std::int64_t key) {
    auto node = running_.extract(key);
    if (node && spare_.size() < most_spare) spare_.push_back(std::move(node));
}

context* dispatcher::find_running(std::int64_t wire_id) const noexcept {
    if (running_.empty()) return nullptr; // as where plain handlers answer
    const auto at = running_.find(wire_id);
    return at == running_.end() ? nullptr : at->second;
}

bool dispatcher::store(std::int64_t key, message& reply) {
    // Keys of calls without id count down by one, so the place is found without a search.
    auto& p = order_[static_cast<std::size_t>(order_.front().key - key)];
    p.reply = std::move(reply);
    p.reply.own();
    p.size =
        sizeof p + p.reply.body.data.size() + (p.reply.fault ? p.reply.fault->detail.size() : 0);
    stored_ += p.size;
    return &p == &order_.front();
}

} // namespace oocrpc
