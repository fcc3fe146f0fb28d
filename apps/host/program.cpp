#include "program.hpp"

#include <algorithm>

namespace host {

using oocrpc::option;

std::vector<option> program::offered(std::span<const option> table) const {
    std::vector<option> all;
    for (const auto& o : table)
        if (std::ranges::find(without, o.name) == without.end()) all.push_back(o);
    return all;
}

std::string value_name_of(const option& o) {
    if (!o.value_name.empty()) return std::string(o.value_name);
    switch (o.type) {
    case oocrpc::option_type::text:
        return "TEXT";
    case oocrpc::option_type::flag:
        return {};
    case oocrpc::option_type::integer:
        return "N";
    case oocrpc::option_type::number:
        return "NUMBER";
    case oocrpc::option_type::duration:
        return "DURATION";
    case oocrpc::option_type::size:
        return "SIZE";
    case oocrpc::option_type::url:
        return "URL";
    case oocrpc::option_type::address:
        return "HOST:PORT";
    case oocrpc::option_type::file:
        return "FILE";
    }
    return {};
}

std::string described(const option& o) {
    std::string facts;
    const auto add = [&](const std::string& fact) { facts += (facts.empty() ? "" : "; ") + fact; };
    if (o.required) add("required");
    if (!o.choices.empty()) {
        std::string choices;
        for (const char c : o.choices) choices += c == '|' ? std::string(", ") : std::string(1, c);
        add(choices);
    }
    if (!o.fallback.empty()) add("default: " + std::string(o.fallback));
    if (o.repeated) add("may be repeated");
    return std::string(o.help) + (facts.empty() ? "" : " (" + facts + ")");
}

std::string wrapped(std::string_view text, std::size_t width) {
    std::string lines;
    std::size_t column = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        if (column > 0 && column + 1 + end > width) {
            lines += '\n';
            column = 0;
        }
        if (column > 0) lines += ' ';
        lines += text.substr(0, end);
        column += (column > 0) + end;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

} // namespace host
