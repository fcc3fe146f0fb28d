#pragma once

#include <oocrpc/oocrpc.hpp>

// What the client and the service of the examples agree on.
inline constexpr oocrpc::method<int(int, int)> add{"calc.add", {"a", "b"}};
