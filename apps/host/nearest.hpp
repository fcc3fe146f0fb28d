#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace host {

/// `; did you mean 'listen'?` for the one of `known` that is most like `unknown`, by Levenshtein's
/// distance; empty where none is like it.
std::string did_you_mean(std::string_view unknown, const std::vector<std::string>& known);

} // namespace host
