#pragma once

#include <string>
#include <string_view>

#include "program.hpp"
#include "settings.hpp"

namespace host {

// What a program prints about itself, from the tables of options alone.

/// One line for each plugin: its name, what it is, and the file that it comes from.
std::string list_of(const plugins& known);
/// Each value and where it came from, in columns; a repeated option has a line for each value.
std::string shown(const settings& s);
/// The manual page, section 8, in the man macros of roff.
std::string man_page(const program& p, const plugins& known);
/// The completions for `bash`, `zsh` or `fish`.
std::string completion(const program& p, const plugins& known, std::string_view shell);

} // namespace host
