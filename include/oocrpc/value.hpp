#pragma once

#include <nlohmann/json.hpp>

namespace oocrpc {

/// The dynamic value: JSON whose keys keep their order, as MongoDB's commands need it.
using json = nlohmann::ordered_json;

} // namespace oocrpc
