#pragma once

#include <oocrpc/plugin.hpp>

namespace transform {

/// `oocrpcd transform`: methods that change a poem, one of which always fails.
extern const oocrpc::plugin plugin;

} // namespace transform
