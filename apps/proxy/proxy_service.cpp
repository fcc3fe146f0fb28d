#include "proxy_service.hpp"

#include "cached.hpp"
#include "forward.hpp"
#include "guarded.hpp"
#include "listing.hpp"

namespace oocrpc::proxy {
namespace {

proxy_stats stats_of(const upstreams& to, const reply_cache& replies, std::size_t connections) {
    const auto kept = replies.stats();
    const auto& counted = replies.counted();
    const auto& placed = to.counted();
    const auto number = [](auto n) { return static_cast<std::int64_t>(n); };
    return {number(counted.hits),     number(counted.misses),
            number(counted.joined),   number(kept.expired),
            number(kept.evictions),   number(kept.entries),
            number(kept.bytes),       number(replies.rules().limit_bytes),
            number(placed.in_flight), number(placed.calls),
            number(placed.cancelled), number(connections)};
}

std::int64_t purge(reply_cache& replies, const std::optional<std::string>& method,
                   const std::optional<bson::value>& arguments) {
    if (!method && arguments)
        throw rpc_error(errc::invalid_argument, "arguments: there is no method to them");
    if (!method) return static_cast<std::int64_t>(replies.purge());
    if (!arguments) return static_cast<std::int64_t>(replies.purge(*method));
    return static_cast<std::int64_t>(replies.purge(*method, *arguments));
}

} // namespace

handler make_proxy(std::shared_ptr<upstreams> to, std::shared_ptr<reply_cache> replies,
                   std::function<std::size_t()> connections) {
    service own("proxy");
    own.on(stats_method,
           [to, replies, connections] {
               return stats_of(*to, *replies, connections ? connections() : 0);
           })
        .on(purge_method,
            [replies](const std::optional<std::string>& method,
                      const std::optional<bson::value>& arguments) {
                return purge(*replies, method, arguments);
            })
        .otherwise(guarded(cached(forward(to), replies)));
    return with_upstream_methods(std::move(own), std::move(to));
}

} // namespace oocrpc::proxy
