#include "fuzz.hpp"

namespace fuzz {

std::span<const target> targets() {
    static constexpr target all[] = {
        {"bson", bson},
#ifdef OOCRPC_HAVE_APPS
        {"configuration", configuration},
#endif
        {"dispatcher", dispatcher},
        {"extended_json", extended_json},
        {"mongodb_client", mongodb_client},
        {"mongodb_compressed", mongodb_compressed},
        {"mongodb_server", mongodb_server},
        {"native_codec", native_codec},
        {"scram", scram},
        {"session", session},
        {"url", url},
    };
    return all;
}

} // namespace fuzz
