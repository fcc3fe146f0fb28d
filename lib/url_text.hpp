#pragma once

// What all URLs have in common (RFC 3986).

#include <optional>
#include <string>
#include <string_view>

namespace oocrpc {

/// The text that `part` stands for; nothing where a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view part);
/// Appends `part` as it may stand anywhere in a URL; `also_plain` is one more character that stays.
void percent_encode(std::string& out, std::string_view part, char also_plain = '-');
/// A URL, or what was taken for one, as it may be shown: without user and passwords.
std::string shown_url(std::string_view text);
/// True for an option of a URL whose value is nobody else's to see.
bool is_secret_option(std::string_view name);

} // namespace oocrpc
