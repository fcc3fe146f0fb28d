#pragma once

#include <oocrpc/oocrpc.hpp>

#include <optional>
#include <string>

// What the proxies call, and serve in turn.
inline constexpr oocrpc::method<std::string(std::optional<std::string>)> get_poem{"poetry.get_poem",
                                                                                  {"name"}};
