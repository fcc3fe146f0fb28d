#include "exit_code.hpp"

#include <support/visible.hpp>

namespace oocrpc::cli {

using apps::visible;

exit_code exit_code_of(const rpc_error& e) noexcept {
    if (e.code() == errc::unavailable) return exit_code::unavailable;
    if (e.code() == errc::protocol_error) return exit_code::protocol;
    if (e.code() == errc::unauthenticated) return exit_code::no_login;
    if (e.code() == errc::deadline_exceeded) return exit_code::deadline;
    return exit_code::failed;
}

std::string error_line(const rpc_error& e) {
    return "oocrpc: " + visible(e.what());
}

std::string error_line(const data_error& e) {
    return "oocrpc: " + visible(e.what());
}

} // namespace oocrpc::cli
