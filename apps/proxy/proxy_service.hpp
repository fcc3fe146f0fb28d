#pragma once

#include <functional>
#include <optional>

#include <oocrpc/method.hpp>
#include <oocrpc/service.hpp>

#include "reply_cache.hpp"
#include "upstreams.hpp"

namespace oocrpc::proxy {

/// What `proxy.stats` answers.
struct proxy_stats {
    std::int64_t hits;   ///< calls of cached methods that were answered from memory
    std::int64_t misses; ///< those that caused an upstream call
    std::int64_t joined; ///< those that waited for the upstream call of another one
    std::int64_t expired;
    std::int64_t evicted;
    std::int64_t entries;
    std::int64_t bytes; ///< of all entries, keys and overhead counted
    std::int64_t limit_bytes;
    std::int64_t in_flight;          ///< upstream calls, cached methods or not
    std::int64_t upstream_calls;     ///< placed since the start
    std::int64_t upstream_cancelled; ///< of these: given up before they were answered
    std::int64_t connections;        ///< of callers
};

inline constexpr method<proxy_stats()> stats_method{"proxy.stats"};
/// Forgets cached replies: all, those of a method, those of a call. Answers how many.
inline constexpr method<std::int64_t(std::optional<std::string>, std::optional<bson::value>)>
    purge_method{"proxy.purge", {"method", "arguments"}};

/// The proxy as one handler: `proxy.stats` and `proxy.purge`, the built-in methods, the cached
/// methods, and everything else passed on.
///
/// `oocrpc.ping` and `oocrpc.hello` are the proxy's own; `oocrpc.list` and `oocrpc.describe` tell
/// what the upstream server offers and the proxy's methods. `connections` tells how many callers
/// are connected. Used on the thread of `to`.
handler make_proxy(std::shared_ptr<upstreams> to, std::shared_ptr<reply_cache> replies,
                   std::function<std::size_t()> connections = {});

} // namespace oocrpc::proxy
