#include "transform.hpp"

#include <oocrpc/service.hpp>

#include "text.hpp"

namespace transform {

oocrpc::handler make_transform() {
    oocrpc::service s("transform");
    s.on(cummingsify, [](const std::string& poem) { return lower(poem); });
    s.on(reverse_lines, [](const std::string& poem) { return reversed(poem); });
    s.on(number_lines, [](const std::string& poem) { return numbered(poem); });
    s.on(translate, [](const std::string&) -> std::string {
        throw oocrpc::rpc_error(lost_in_translation, "nobody has translated a poem yet");
    });
    return s;
}

} // namespace transform
