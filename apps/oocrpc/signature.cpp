#include "signature.hpp"

namespace oocrpc::cli {

std::string signature(const method_description& m) {
    std::string text = m.name + "(";
    const char* separator = "";
    for (const auto& p : m.parameters) {
        text += separator;
        if (!p.name.empty()) text += p.name + ": ";
        text += p.type;
        separator = ", ";
    }
    return text + (m.streams ? ") -> stream of " : ") -> ") + m.result;
}

} // namespace oocrpc::cli
