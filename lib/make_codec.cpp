#include "make_codec.hpp"

#include <oocrpc/native_codec.hpp>

namespace oocrpc {

std::unique_ptr<codec> make_codec(std::string_view protocol, const limits& limit) {
    if (protocol == "oocrpc")
        return std::make_unique<native_codec>(limit.max_message, limit.max_depth);
    throw rpc_error(errc::invalid_argument, "unknown protocol '" + std::string(protocol) + "'");
}

} // namespace oocrpc
