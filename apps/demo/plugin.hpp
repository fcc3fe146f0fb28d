#pragma once

#include <oocrpc/plugin.hpp>

namespace demo {

extern const oocrpc::plugin plugin;

} // namespace demo
