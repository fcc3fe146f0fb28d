#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/user_store.hpp>

#include "program.hpp"
#include "settings.hpp"

namespace host {

/// What a program is told by name to be or to do: a plugin, or the command `user`.
struct named_command {
    std::string name, description;
    std::span<const oocrpc::option> options;
    std::span<const std::string_view> actions = {}; ///< the word after the name
};
/// Of a flat program, its plugin alone.
std::vector<named_command> commands_of(const program& p, const plugins& known);

// What a program prints about itself, from the tables of options alone.

/// One line for each plugin: its name, what it is, and the file that it comes from.
std::string list_of(const plugins& known);
/// One line for each user: the name, the roles, how the user can log in.
std::string list_of(const oocrpc::user_store& users);
/// Each value and where it came from, in columns; a repeated option has a line for each value.
std::string shown(const settings& s);
/// The manual page, section 8, in the man macros of roff.
std::string man_page(const program& p, const plugins& known);
/// The completions for `bash`, `zsh` or `fish`.
std::string completion(const program& p, const plugins& known, std::string_view shell);

} // namespace host
