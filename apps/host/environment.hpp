#pragma once

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>

namespace host {

/// A variable, taken out of the environment, so that children do not inherit it. Before threads
/// start: the environment has no lock.
inline std::optional<std::string> take_variable(const char* name) {
    const char* found = std::getenv(name);
    if (!found) return std::nullopt;
    std::string value = found;
    ::unsetenv(name);
    return value;
}

/// All of `text` as a decimal number that is not negative.
template <class Number = unsigned long long>
std::optional<Number> number_of(const std::string& text) {
    Number n{};
    const auto end = text.data() + text.size();
    const auto [stopped, ec] = std::from_chars(text.data(), end, n);
    if (ec != std::errc() || stopped != end || n < Number{}) return std::nullopt;
    return n;
}

} // namespace host
