#include "visible.hpp"

#include <cstdio>

namespace oocrpc::apps {

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

} // namespace oocrpc::apps
