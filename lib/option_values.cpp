#include <oocrpc/option.hpp>

#include <algorithm>
#include <stdexcept>

#include "option_reading.hpp"

namespace oocrpc {

option_values::option_values(std::span<const option> table) : table_(table) {
    for (const auto& o : table_) {
        value v{&o, {}, "default"};
        if (!o.fallback.empty()) v.texts.emplace_back(o.fallback);
        values_.insert_or_assign(std::string(o.name), std::move(v));
    }
}

const option_values::value& option_values::at(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::out_of_range("no option '" + std::string(name) + "'");
    return found->second;
}

void option_values::set(std::string_view name, std::vector<std::string> values,
                        std::string source) {
    const auto& o = *at(name).of;
    const auto refuse = [&](const std::string& why) {
        throw std::invalid_argument(std::string(name) + ": " + why);
    };
    if (!o.repeated && values.size() != 1) refuse("expected one value");
    for (const auto& text : values)
        if (const auto why = why_invalid(o, text); !why.empty()) refuse(why);
    auto& v = values_.find(name)->second;
    v.texts = std::move(values);
    v.source = std::move(source);
}

bool option_values::given(std::string_view name) const {
    return at(name).source != "default";
}

bool option_values::has(std::string_view name) const {
    return !at(name).texts.empty();
}

const std::string& option_values::source(std::string_view name) const {
    return at(name).source;
}

const std::string& option_values::text(std::string_view name) const {
    static const std::string none;
    const auto& texts = at(name).texts;
    return texts.empty() ? none : texts.front();
}

const std::vector<std::string>& option_values::texts(std::string_view name) const {
    return at(name).texts;
}

bool option_values::flag(std::string_view name) const {
    return has(name) && detail::read_flag(text(name));
}

std::int64_t option_values::integer(std::string_view name) const {
    return has(name) ? detail::read_integer(text(name)) : 0;
}

double option_values::number(std::string_view name) const {
    return has(name) ? detail::read_number(text(name)) : 0;
}

std::chrono::milliseconds option_values::duration(std::string_view name) const {
    return has(name) ? detail::read_duration(text(name)) : std::chrono::milliseconds(0);
}

std::size_t option_values::size(std::string_view name) const {
    return has(name) ? parse_size(text(name)) : 0;
}

std::vector<const option*> option_values::missing() const {
    std::vector<const option*> all;
    for (const auto& o : table_)
        if (o.required && !has(o.name)) all.push_back(&o);
    return all;
}

bool option_values::same_values(const option_values& other) const {
    return std::ranges::equal(values_, other.values_, [](const auto& a, const auto& b) {
        return a.first == b.first && a.second.texts == b.second.texts;
    });
}

} // namespace oocrpc
