#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/option.hpp>

namespace host {

/// A program that hosts plugins, as its command line and its documents show it.
struct program {
    std::string name;        ///< `oocrpcd`
    std::string description; ///< one line
    /// It is its only plugin, whose name is not given: `oocrpc-proxy --listen URL`.
    bool flat = false;
    std::vector<std::string_view> without = {}; ///< options of the tables that it does not have

    /// The options of a table that it has.
    std::vector<oocrpc::option> offered(std::span<const oocrpc::option> table) const;
};

/// What stands for the value in the help: `URL`, `DURATION`; empty for a flag.
std::string value_name_of(const oocrpc::option& o);
/// The help with what the table says beside it: choices, the default, whether it may be repeated.
std::string described(const oocrpc::option& o);
/// Breaks lines between words.
std::string wrapped(std::string_view text, std::size_t width);

} // namespace host
