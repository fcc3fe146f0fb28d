#include "url_text.hpp"

#include <algorithm>
#include <charconv>

namespace oocrpc {

std::optional<std::string> percent_decoded(std::string_view part) {
    std::string out;
    for (std::size_t i = 0; i < part.size(); ++i) {
        if (part[i] != '%') {
            out.push_back(part[i]);
            continue;
        }
        unsigned byte = 0;
        const auto digits = part.substr(i + 1, 2);
        const auto* end = digits.data() + digits.size();
        const auto [at, error] = std::from_chars(digits.data(), end, byte, 16);
        if (digits.size() != 2 || error != std::errc() || at != end) return std::nullopt;
        out.push_back(static_cast<char>(byte));
        i += 2;
    }
    return out;
}

void percent_encode(std::string& out, std::string_view part, char also_plain) {
    constexpr char digits[] = "0123456789ABCDEF";
    for (const char c : part) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~' ||
                           c == also_plain;
        if (plain)
            out.push_back(c);
        else
            out.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
}

std::string shown_url(std::string_view text) {
    std::string shown(text);
    const auto mark = shown.find("://");
    const auto begin = mark == shown.npos ? 0 : mark + 3;
    // The last one: a password may hold another.
    if (const auto at = shown.rfind('@'); at != shown.npos && at > begin)
        shown.replace(begin, at - begin, "***");
    // So are the options that are passwords.
    for (auto from = shown.find('?'); from != shown.npos; from = shown.find('&', from)) {
        const auto end = std::min(shown.find('&', ++from), shown.size());
        const auto equals = shown.find('=', from);
        if (equals >= end) continue;
        const auto name = shown.substr(from, equals - from);
        if (is_secret_option(percent_decoded(name).value_or(name)))
            shown.replace(equals + 1, end - equals - 1, "***");
    }
    return shown;
}

bool is_secret_option(std::string_view name) {
    constexpr std::string_view word = "password";
    const auto same = [](char a, char b) { return (a | 0x20) == b; };
    return std::ranges::search(name, word, same).begin() != name.end();
}

} // namespace oocrpc
