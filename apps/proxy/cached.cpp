#include "cached.hpp"

#include <oocrpc/context.hpp>

namespace oocrpc::proxy {
namespace {

/// The reply to one caller, which views the kept one.
message view_of(const message& kept) {
    auto m = message::reply(0, kept.body);
    m.kind = kept.kind;
    m.meta = kept.meta;
    if (kept.fault) m.fault = std::make_unique<failure>(*kept.fault);
    return m;
}

void say_where_from(message& m, cache_use use, std::chrono::seconds age = {}) {
    m.meta.set("oocrpc-cache", to_string(use));
    if (use == cache_use::hit) m.meta.set("oocrpc-age", std::to_string(age.count()));
}

std::chrono::seconds age_of(const cache::entry& e, time_point now) {
    return std::chrono::duration_cast<std::chrono::seconds>(now - e.stored);
}

awaitable<message> wait_for(std::shared_ptr<reply_cache> replies, context& c, message call,
                            bool extended) {
    const auto answer = co_await replies->get(std::move(call), c.user());
    auto m = view_of(*answer.reply);
    // What is kept may go before the answer is encoded; the context lives until then.
    c.scratch().append(m.body.data);
    m.body.data = c.scratch();
    if (extended) say_where_from(m, answer.use);
    co_return m;
}

} // namespace

handler cached(handler inner, std::shared_ptr<reply_cache> replies) {
    return [inner = std::move(inner),
            replies = std::move(replies)](context& c, message&& call) -> maybe_awaitable<message> {
        if (c.oneway() || !replies->covers(call.method)) return inner(c, std::move(call));
        const bool extended = call.id != 0; // others take no metadata
        if (const auto* found = replies->find(call, c.meta(), c.user())) {
            auto m = view_of(*found->reply);
            if (extended) say_where_from(m, cache_use::hit, age_of(*found, replies->now()));
            return m;
        }
        call.own();
        call.meta = c.meta();
        call.credit = 0;
        return wait_for(replies, c, std::move(call), extended);
    };
}

} // namespace oocrpc::proxy
