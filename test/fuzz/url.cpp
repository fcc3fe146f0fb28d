#include "fuzz.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/url.hpp>

namespace fuzz {

void url(oocrpc::bytes data) {
    try {
        const auto u = oocrpc::url::parse(text_of(data));
        require(oocrpc::url::parse(u.to_string()) == u, "a URL that is written is read back");
    } catch (const oocrpc::rpc_error& e) {
        require(e.code() == oocrpc::errc::invalid_argument, "what is wrong is the argument");
    }
    try {
        const auto at = oocrpc::host_port::parse(text_of(data));
        require(!at.host.empty(), "an address has a host");
    } catch (const oocrpc::rpc_error&) {
    }
}

} // namespace fuzz
