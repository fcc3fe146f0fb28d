#include "plugin.hpp"

#include "transform.hpp"

namespace transform {
namespace {

std::unique_ptr<oocrpc::component> make(oocrpc::plugin_host& host) {
    return host.serve(make_transform());
}

} // namespace

const oocrpc::plugin plugin{
    oocrpc::plugin_abi, "transform", "Changes poems; one method always fails", {}, true, make};

} // namespace transform
