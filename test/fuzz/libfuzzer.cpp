// The program of ./dev fuzz: OOCRPC_FUZZ names the target, the rest is libFuzzer's. Without one it
// names them all.

#include <algorithm>
#include <cstdlib>

#include "fuzz.hpp"

namespace {

const fuzz::target& chosen() {
    const char* name = std::getenv("OOCRPC_FUZZ");
    const auto all = fuzz::targets();
    const auto found = std::ranges::find(all, name ? name : "", &fuzz::target::name);
    if (found != all.end()) return *found;
    for (const auto& t : all) std::cout << t.name << '\n';
    std::cout.flush();
    std::_Exit(name ? 64 : 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto& target = chosen();
    target.run({data, size});
    return 0;
}
