#include "forward.hpp"

#include <algorithm>

#include <oocrpc/context.hpp>

namespace oocrpc::proxy {
namespace {

awaitable<message> forward_stream(std::shared_ptr<upstreams> to, context& c, message call) {
    // The window bounds what waits here; the caller's may be larger than what we want to hold.
    const auto window = std::min(c.credit(), caller::default_window);
    auto items = co_await to->open(std::move(call), c.deadline(), window);
    for (;;) {
        message m = co_await items.next();
        if (m.kind != message_kind::item) co_return m;
        co_await c.send(m.body);
    }
}

} // namespace

handler forward(std::shared_ptr<upstreams> to) {
    return [to = std::move(to)](context& c, message&& call) -> maybe_awaitable<message> {
        call.meta = c.meta();
        if (c.streaming() && !c.oneway()) {
            call.own();
            return forward_stream(to, c, std::move(call));
        }
        call.credit = 0;
        return to->pass(c, std::move(call));
    };
}

} // namespace oocrpc::proxy
