#pragma once

#include <memory>
#include <string_view>

#include <oocrpc/codec.hpp>
#include <oocrpc/limits.hpp>

namespace oocrpc {

/// The codec of a URL's protocol: the one place that names them all.
std::unique_ptr<codec> make_codec(std::string_view protocol, const limits& limit);

} // namespace oocrpc
