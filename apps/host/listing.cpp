#include <algorithm>
#include <array>

#include "documents.hpp"
#include "host_options.hpp"

namespace host {
namespace {

using row = std::array<std::string, 3>;

/// The letters of UTF-8 text, which is close enough to its width.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Rows in columns; one with an empty second cell is a heading and does not count.
std::string columns(const std::vector<row>& rows) {
    std::array<std::size_t, 2> widths{};
    for (const auto& r : rows)
        for (std::size_t i = 0; i < 2; ++i)
            if (!r[1].empty()) widths[i] = std::max(widths[i], width_of(r[i]));
    std::string text;
    for (const auto& r : rows) {
        auto line = r[0];
        for (std::size_t i = 0; i < 2; ++i) {
            if (width_of(r[i]) < widths[i]) line.append(widths[i] - width_of(r[i]), ' ');
            line += "  " + r[i + 1];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

void add(std::vector<row>& rows, const oocrpc::option_values& values) {
    for (const auto& o : values.table()) {
        const auto& texts = values.texts(o.name);
        auto name = "  " + std::string(o.name);
        if (texts.empty()) rows.push_back({name, "-", values.source(o.name)});
        for (const auto& text : texts) {
            rows.push_back({name, text.empty() ? "''" : text, values.source(o.name)});
            name.clear();
        }
    }
}

} // namespace

std::string list_of(const plugins& known) {
    std::vector<row> rows;
    for (const auto& k : known.all()) rows.push_back({k.of->name, k.of->description, k.file});
    return columns(rows);
}

std::string list_of(const oocrpc::user_store& users) {
    const auto add_to = [](std::string& all, std::string_view one) {
        all += (all.empty() ? "" : ",") + std::string(one);
    };
    std::vector<row> rows;
    for (const auto& [name, one] : users.users()) {
        std::string roles, mechanisms;
        for (const auto& role : one.roles) add_to(roles, role);
        for (const auto& c : one.credentials) add_to(mechanisms, to_string(c.of));
        rows.push_back({name, roles.empty() ? "-" : roles, mechanisms.empty() ? "-" : mechanisms});
    }
    return columns(rows);
}

std::vector<named_command> commands_of(const program& p, const plugins& known) {
    std::vector<named_command> all;
    for (const auto& k : known.all()) all.push_back({k.of->name, k.of->description, k.options});
    if (!p.flat)
        all.push_back(
            {std::string(user_command), user_description, user_options(), user_actions()});
    return all;
}

std::string shown(const settings& s) {
    std::vector<row> rows{{"host", "", ""}};
    add(rows, s.host);
    for (const auto& c : s.components) {
        rows.push_back({"component " + c.name + ", plugin " + c.of->name, "", ""});
        add(rows, c.values);
    }
    return columns(rows);
}

} // namespace host
