#pragma once

#include <optional>
#include <string_view>

#include <oocrpc/secret.hpp>

namespace oocrpc::scram {

/// The form in which passwords are compared, whatever keyboard they come from: RFC 4013, for
/// stored strings, in UTF-8 both ways.
///
/// Nothing where there is none: characters that are prohibited or that Unicode 3.2 does not have,
/// text of both directions mixed, no UTF-8. `text` is of at most max_password bytes.
std::optional<secret> saslprep(std::string_view text);

} // namespace oocrpc::scram
