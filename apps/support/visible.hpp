#pragma once

#include <string>
#include <string_view>

namespace oocrpc::apps {

/// A text of somebody else's that can neither add lines nor drive the terminal: control characters
/// appear escaped.
std::string visible(std::string_view text);

} // namespace oocrpc::apps
