#pragma once

#include <oocrpc/plugin.hpp>

namespace poetry {

extern const oocrpc::plugin plugin;

} // namespace poetry
