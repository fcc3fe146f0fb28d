#include "reply_cache.hpp"

#include <oocrpc/bson_canonical.hpp>
#include <oocrpc/bson_value.hpp>

namespace oocrpc::proxy {
namespace {

std::string_view text_of(const byte_buffer& b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}

void append_text(byte_buffer& out, std::string_view text) {
    const auto size = static_cast<std::uint64_t>(text.size());
    out.append(&size, sizeof size);
    out.append(text);
}

bool is_empty(bson::value_view arguments) {
    if (!present(arguments)) return true;
    if (arguments.t != bson::type::array && arguments.t != bson::type::document) return false;
    const bson::elements all(arguments.as_document());
    return all.begin() == all.end();
}

void append_arguments(byte_buffer& out, bson::value_view arguments) {
    if (is_empty(arguments)) return out.push_back(0); // no value begins with that
    if (arguments.t == bson::type::array || arguments.t == bson::type::document)
        return bson::append_canonical(out, arguments);
    byte_buffer alone;
    bson::array_writer array(alone);
    array.add(arguments);
    array.finish();
    bson::append_canonical(out, {bson::type::array, alone});
}

} // namespace

/// A fetch under way. The completion of the fetch keeps it, waiters keep its promise.
struct reply_cache::flight {
    std::string key;
    std::string method;
    promise<reply_ptr> done;
    asio::cancellation_signal stop;
};

std::string_view to_string(cache_use use) noexcept {
    switch (use) {
    case cache_use::hit:
        return "hit";
    case cache_use::miss:
        return "miss";
    case cache_use::joined:
        return "joined";
    }
    return "";
}

std::shared_ptr<reply_cache> reply_cache::make(any_io_executor executor, cache_rules rules,
                                               fetcher fetch) {
    return std::shared_ptr<reply_cache>(
        new reply_cache(std::move(executor), std::move(rules), std::move(fetch)));
}

reply_cache::reply_cache(any_io_executor executor, cache_rules rules, fetcher fetch)
    : executor_(std::move(executor)),
      rules_(std::move(rules)),
      fetch_(std::move(fetch)),
      clock_(clock::of(executor_)),
      cache_(rules_.limit_bytes) {}

std::string_view reply_cache::prefix_of(std::string_view method, bson::value_view arguments) {
    key_.clear();
    append_text(key_, method);
    append_arguments(key_, arguments);
    return text_of(key_);
}

std::string_view reply_cache::key_of(const message& call, const metadata& meta,
                                     std::string_view user) {
    prefix_of(call.method, call.body);
    for (const auto& name : rules_.vary) {
        const auto* text = meta.find(name);
        key_.push_back(text != nullptr);
        if (text) append_text(key_, *text);
    }
    if (!rules_.per_user.empty() && rules_.per_user.contains(call.method)) append_text(key_, user);
    // Somebody who brings a token may be answered what others are not.
    if (const auto* token = meta.find("authorization")) {
        append_text(key_, *token);
        token_seen_ = true;
    }
    return text_of(key_);
}

const cache::entry* reply_cache::find(const message& call, const metadata& meta,
                                      std::string_view user) {
    const auto key = key_of(call, meta, user);
    // There is no fresh entry where a fetch is under way, which has begun for want of one.
    if (!flights_.empty() && flights_.contains(key)) return nullptr;
    const auto* found = cache_.find(key, clock_.now());
    if (found) ++counted_.hits;
    return found;
}

awaitable<reply_cache::answer> reply_cache::get(message call, std::string user) {
    return get_from(shared_from_this(), std::move(call), std::move(user));
}

awaitable<reply_cache::answer> reply_cache::get_from(std::shared_ptr<reply_cache> self,
                                                     message call, std::string user) {
    // Nothing suspends between the look at the flights and the wait below: a flight that is found
    // here cannot lose its last waiter before this one waits, too. Nor may a fetch begin for a call
    // that was cancelled before it came here, as that would never wait and never leave.
    const auto state = co_await this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw rpc_error(errc::cancelled);
    const auto key = self->key_of(call, call.meta, user);
    const auto under_way = self->flights_.find(key);
    answer a{nullptr, cache_use::joined};
    flight_ptr f;
    if (under_way != self->flights_.end()) {
        ++self->counted_.joined;
        f = under_way->second;
    } else if (const auto* found = self->cache_.find(key, self->clock_.now())) {
        ++self->counted_.hits;
        a.use = cache_use::hit;
        a.reply = found->reply;
        co_return a;
    } else {
        ++self->counted_.misses;
        a.use = cache_use::miss;
        f = self->begin(std::string(key), std::move(call));
    }
    const auto done = f->done;
    f.reset();
    a.reply = co_await done.wait();
    co_return a;
}

reply_cache::flight_ptr reply_cache::begin(std::string key, message call) {
    auto f = std::make_shared<flight>();
    f->key = std::move(key);
    f->method = call.method;
    // The last waiter has left. The flight goes out of the table now, not when the fetch has ended:
    // a call that comes in between must not join a fetch that is being stopped, so it begins its
    // own. The end of the old one then finds its promise fired and changes nothing.
    f->done = promise<reply_ptr>(
        [weak = weak_from_this(), leaving = std::weak_ptr(f)](promise<reply_ptr>&) {
            const auto self = weak.lock();
            const auto abandoned = leaving.lock();
            if (!self || !abandoned) return;
            self->forget(*abandoned);
            abandoned->stop.emit(asio::cancellation_type::terminal);
        });
    flights_.insert_or_assign(f->key, f);
    ++counted_.fetching;
    auto work = fetch_(std::move(call));
    asio::co_spawn(
        executor_, std::move(work),
        asio::bind_cancellation_slot(
            f->stop.slot(), [self = shared_from_this(), f](std::exception_ptr e, message answer) {
                self->landed(*f, std::move(e), std::move(answer));
            }));
    return f;
}

void reply_cache::forget(const flight& f) {
    const auto at = flights_.find(f.key);
    if (at != flights_.end() && at->second.get() == &f) flights_.erase(at);
}

void reply_cache::landed(flight& f, std::exception_ptr failure, message answer) {
    --counted_.fetching;
    if (f.done.fired()) return; // the last waiter left meanwhile
    const auto at = flights_.find(f.key);
    // Not there any more: what this fetch asked for was purged meanwhile.
    const bool current = at != flights_.end() && at->second.get() == &f;
    if (current) flights_.erase(at);
    if (failure) return f.done.fail(std::move(failure));
    // What an upstream says beside the value is meant for one call; many get this answer.
    answer.meta = {};
    auto reply = std::make_shared<const message>(std::move(answer));
    if (current && !reply->fault) {
        const auto rule = rules_.methods.find(f.method);
        const auto ttl = rule == rules_.methods.end() ? cache_rules::default_ttl : rule->second;
        cache_.insert(f.method, f.key, reply, ttl, clock_.now());
    }
    f.done.fire(std::move(reply));
}

void reply_cache::detach_flights(std::string_view prefix) {
    std::erase_if(flights_, [prefix](const auto& f) { return f.first.starts_with(prefix); });
}

std::size_t reply_cache::purge() {
    flights_.clear();
    return cache_.clear();
}

std::size_t reply_cache::purge(std::string_view method) {
    key_.clear();
    append_text(key_, method);
    detach_flights(text_of(key_));
    return cache_.erase_method(method);
}

std::size_t reply_cache::purge(std::string_view method, bson::value_view arguments) {
    const auto prefix = prefix_of(method, arguments);
    detach_flights(prefix);
    const bool exact = rules_.vary.empty() && rules_.per_user.empty() && !token_seen_;
    if (exact) return cache_.erase(prefix) ? 1 : 0;
    return cache_.erase_method(method, prefix);
}

} // namespace oocrpc::proxy
