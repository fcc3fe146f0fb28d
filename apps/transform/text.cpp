#include "text.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <vector>

namespace transform {
namespace {

/// Capital letters, every `step`-th of first to last, and how far the small ones are from them.
struct capitals {
    char32_t first, last;
    char32_t step;
    int distance;
};

constexpr capitals table[] = {
    {U'A', U'Z', 1, 32},
    // Latin-1 supplement, with the sign of multiplication in the middle
    {0x00C0, 0x00D6, 1, 32},
    {0x00D8, 0x00DE, 1, 32},
    // Latin extended A; the I with a dot becomes an ASCII one
    {0x0100, 0x012E, 2, 1},
    {0x0130, 0x0130, 1, -199},
    {0x0132, 0x0136, 2, 1},
    {0x0139, 0x0147, 2, 1},
    {0x014A, 0x0176, 2, 1},
    {0x0178, 0x0178, 1, -121},
    {0x0179, 0x017D, 2, 1},
    // Greek
    {0x0370, 0x0372, 2, 1},
    {0x0376, 0x0376, 1, 1},
    {0x037F, 0x037F, 1, 116},
    {0x0386, 0x0386, 1, 38},
    {0x0388, 0x038A, 1, 37},
    {0x038C, 0x038C, 1, 64},
    {0x038E, 0x038F, 1, 63},
    {0x0391, 0x03A1, 1, 32},
    {0x03A3, 0x03AB, 1, 32},
    {0x03CF, 0x03CF, 1, 8},
    {0x03D8, 0x03EE, 2, 1},
    {0x03F4, 0x03F4, 1, -60},
    {0x03F7, 0x03F7, 1, 1},
    {0x03F9, 0x03F9, 1, -7},
    {0x03FA, 0x03FA, 1, 1},
    {0x03FD, 0x03FF, 1, -130},
    // Cyrillic and its supplement
    {0x0400, 0x040F, 1, 80},
    {0x0410, 0x042F, 1, 32},
    {0x0460, 0x0480, 2, 1},
    {0x048A, 0x04BE, 2, 1},
    {0x04C0, 0x04C0, 1, 15},
    {0x04C1, 0x04CD, 2, 1},
    {0x04D0, 0x052E, 2, 1},
};

char32_t lower(char32_t c) {
    const auto end = std::end(table);
    const auto in = std::lower_bound(std::begin(table), end, c,
                                     [](const capitals& r, char32_t x) { return r.last < x; });
    if (in == end || c < in->first || (c - in->first) % in->step) return c;
    return static_cast<char32_t>(static_cast<int>(c) + in->distance);
}

/// Appends a character that has one or two bytes.
void append(std::string& to, char32_t c) {
    if (c < 0x80) {
        to += static_cast<char>(c);
        return;
    }
    to += static_cast<char>(0xC0 | c >> 6);
    to += static_cast<char>(0x80 | (c & 0x3F));
}

/// The lines without what ends them.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text = end == text.npos ? std::string_view() : text.substr(end + 1);
    }
    return lines;
}

std::string joined(std::string_view like, const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + '\n';
    if (!like.ends_with('\n') && !text.empty()) text.pop_back();
    return text;
}

bool blank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == line.npos;
}

} // namespace

std::string lower(std::string_view utf8) {
    std::string out;
    out.reserve(utf8.size());
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto first = static_cast<unsigned char>(utf8[i]);
        const auto second = i + 1 < utf8.size() ? static_cast<unsigned char>(utf8[i + 1]) : 0u;
        if (first < 0x80) {
            append(out, lower(char32_t{first}));
        } else if (first >= 0xC2 && first < 0xE0 && second >= 0x80 && second < 0xC0) {
            append(out, lower(char32_t{(first & 0x1Fu) << 6 | (second & 0x3Fu)}));
            ++i;
        } else {
            out += utf8[i]; // all capitals of the table have one byte or two
        }
    }
    return out;
}

std::string reversed(std::string_view text) {
    const auto lines = lines_of(text);
    return joined(text, {lines.rbegin(), lines.rend()});
}

std::string numbered(std::string_view text) {
    const auto lines = lines_of(text);
    const auto counted = std::count_if(lines.begin(), lines.end(), std::not_fn(blank));
    const auto width = std::to_string(counted).size();
    std::vector<std::string> all;
    int number = 0;
    for (const auto line : lines) {
        auto& to = all.emplace_back(line);
        if (blank(line)) continue;
        auto digits = std::to_string(++number);
        digits.insert(0, width - digits.size(), ' ');
        to = digits + "  " + to;
    }
    return joined(text, all);
}

} // namespace transform
