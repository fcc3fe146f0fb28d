#pragma once

#include <oocrpc/plugin.hpp>

namespace oocrpc::proxy {

extern const oocrpc::plugin plugin;

} // namespace oocrpc::proxy
