// Plugins that do harm when they are loaded or asked for a component, by their names; all but the
// sound one. None needs the library, so that any program can load them.

#include <oocrpc/plugin.hpp>

#include <stdexcept>
#include <string_view>

#include <unistd.h>

namespace {

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
constexpr std::string_view name = TEXT_OF(PLUGIN);

[[maybe_unused]] const bool loaded = [] {
    if (name == "throws") throw std::runtime_error("no constructor");
    if (name == "exits") ::_exit(3);
    while (name == "hangs") ::pause();
    return true;
}();

std::unique_ptr<oocrpc::component> make(oocrpc::plugin_host&) {
    if (name == "refuses") throw std::runtime_error("factory says no");
    return nullptr;
}

} // namespace

extern "C" const oocrpc::plugin oocrpc_plugin{
    oocrpc::plugin_abi, name.data(), "Does harm", {}, false, make};
