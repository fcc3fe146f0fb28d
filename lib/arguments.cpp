#include <oocrpc/detail/arguments.hpp>

#include <algorithm>

#include <oocrpc/message.hpp>

namespace oocrpc::detail {

std::optional<bson::value_view> argument_reader::named(std::size_t i) const {
    if (arguments_.t == bson::type::document)
        return bson::find(arguments_.as_document(), names_[i]);
    if (!present(arguments_) || i > 0) return std::nullopt;
    return arguments_;
}

std::string argument_reader::name(std::size_t i) const {
    return names_[i].empty() ? "argument " + std::to_string(i + 1) : names_[i];
}

void argument_reader::missing(std::size_t i, const std::string& type) {
    fault_ = name(i) + ": missing, expected " + type;
}

void argument_reader::wrong(std::size_t i, const bson::read_error& e) {
    const auto text = e.text();
    // The path goes on behind the parameter's name: `point.x: ...`, `items[3]: ...`, `a: ...`.
    const bool path = !e.path.empty() && e.path.front() != '[';
    fault_ = name(i) + (path ? "." : e.path.empty() ? ": " : "") + text;
}

std::string argument_reader::surplus(std::size_t given) const {
    return "expected " + std::to_string(names_.size()) + " arguments, got " + std::to_string(given);
}

std::string argument_reader::left_over() {
    if (!present(arguments_)) return {};
    if (arguments_.t == bson::type::array) {
        auto given = names_.size();
        for (; at_ != std::default_sentinel; ++at_) ++given;
        return surplus(given);
    }
    if (arguments_.t != bson::type::document) return names_.empty() ? surplus(1) : std::string();
    for (const auto& e : bson::elements(arguments_.as_document()))
        if (std::find(names_.begin(), names_.end(), e.name) == names_.end())
            return std::string(e.name) + ": no such parameter";
    return {};
}

} // namespace oocrpc::detail
