#pragma once

#include <string>

#include <oocrpc/handler.hpp>
#include <oocrpc/method.hpp>

namespace transform {

// The methods as a client calls them; README.md says what they do.
using method = oocrpc::method<std::string(std::string)>;
inline constexpr method cummingsify{"transform.cummingsify", {"poem"}};
inline constexpr method reverse_lines{"transform.reverse_lines", {"poem"}};
inline constexpr method number_lines{"transform.number_lines", {"poem"}};
inline constexpr method translate{"transform.translate", {"poem"}};

/// The error that translate always answers with.
inline constexpr auto lost_in_translation = "lost_in_translation";

/// The transform service: poems in, poems out. Serves any number of threads.
oocrpc::handler make_transform();

} // namespace transform
