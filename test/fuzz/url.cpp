#include "fuzz.hpp"

#include "../../lib/url_text.hpp"
#include <oocrpc/error.hpp>
#include <oocrpc/url.hpp>

namespace fuzz {

void url(oocrpc::bytes data) {
    try {
        auto u = oocrpc::url::parse(text_of(data));
        const auto shown = u.to_string();
        // Passwords are not written.
        u.password.clear();
        std::erase_if(u.options, [](auto& o) { return oocrpc::is_secret_option(o.first); });
        require(oocrpc::url::parse(shown) == u, "a URL that is written is read back");
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
