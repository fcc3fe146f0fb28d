#include "protocols.hpp"

#include "detecting_codec.hpp"
#include "mongodb/command_names.hpp"
#include <oocrpc/mongodb_server_codec.hpp>
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
    if (at.protocol == "mongodb")
        return std::make_unique<mongodb_server_codec>(limit.max_message, limit.max_depth);
    unknown(at);
}

bool reserved(std::string_view method) noexcept {
    const auto dot = method.find('.');
    return mongodb::is_command_name(dot == method.npos ? method : method.substr(dot + 1));
}

} // namespace oocrpc::protocols
