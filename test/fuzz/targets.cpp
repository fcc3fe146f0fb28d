#include "fuzz.hpp"

namespace fuzz {

std::span<const target> targets() {
    static constexpr target all[] = {
        {"bson", bson},
        {"extended_json", extended_json},
        {"mongodb_client", mongodb_client},
        {"mongodb_server", mongodb_server},
        {"native_codec", native_codec},
        {"scram", scram},
        {"url", url},
    };
    return all;
}

} // namespace fuzz
