#pragma once

namespace oocrpc {

/// The version of these headers, as in `meson.build`; semantic versioning.
inline constexpr const char* version = "0.1.0";

} // namespace oocrpc
