#include "exit_code.hpp"

#include <cstdio>

namespace oocrpc::cli {
namespace {

std::string visible(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            out += c;
            continue;
        }
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
        out += c == '\n' ? "\\n" : escaped;
    }
    return out;
}

} // namespace

exit_code exit_code_of(const rpc_error& e) noexcept {
    if (e.code() == errc::unavailable) return exit_code::unavailable;
    if (e.code() == errc::protocol_error) return exit_code::protocol;
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
