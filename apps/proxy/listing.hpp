#pragma once

#include <memory>

#include <oocrpc/service.hpp>

#include "upstreams.hpp"

namespace oocrpc::proxy {

/// The layer that answers `oocrpc.list` and `oocrpc.describe` with what the upstream server offers
/// and what `own` does. A server that knows neither offers nothing.
handler with_upstream_methods(service own, std::shared_ptr<upstreams> to);

} // namespace oocrpc::proxy
