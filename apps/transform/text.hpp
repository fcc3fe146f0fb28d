#pragma once

#include <string>
#include <string_view>

namespace transform {

/// The text in small letters: ASCII, Latin-1 supplement, Latin extended A, Greek and Cyrillic,
/// each letter by itself, so that a sigma at the end of a word is no final one. Whatever else there
/// is, also what is not UTF-8, stays as it is.
std::string lower(std::string_view utf8);

/// The lines in reverse order; the last one ends as before.
std::string reversed(std::string_view text);

/// Each line that is not blank with its number before it, right aligned. Blank lines are neither
/// counted nor changed.
std::string numbered(std::string_view text);

} // namespace transform
