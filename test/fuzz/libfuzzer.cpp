// The program of one target, OOCRPC_FUZZ, for ./dev fuzz.

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::OOCRPC_FUZZ({data, size});
    return 0;
}
