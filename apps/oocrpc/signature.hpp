#pragma once

#include <string>

#include <oocrpc/description.hpp>

namespace oocrpc::cli {

/// A method as a person reads it: `demo.add(a: int32, b: int32) -> int32`, a stream as
/// `-> stream of int32`. A parameter without a name shows its type alone.
std::string signature(const method_description& m);

} // namespace oocrpc::cli
