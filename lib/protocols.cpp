#include "protocols.hpp"

#include "detecting_codec.hpp"
#include <oocrpc/native_codec.hpp>

namespace oocrpc::protocols {
namespace {

[[noreturn]] void unknown(const url& u) {
    throw rpc_error(errc::invalid_argument, "unknown protocol '" + u.protocol + "'");
}

} // namespace

std::unique_ptr<codec> client_codec(const url& to, const limits& limit) {
    if (to.protocol == "oocrpc")
        return std::make_unique<native_codec>(limit.max_message, limit.max_depth);
    unknown(to);
}

std::unique_ptr<codec> server_codec(const url& at, const limits& limit) {
    if (at.protocol == "oocrpc") return std::make_unique<detecting_codec>(limit);
    unknown(at);
}

} // namespace oocrpc::protocols
