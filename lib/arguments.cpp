#include <oocrpc/detail/arguments.hpp>

#include <algorithm>

#include <oocrpc/message.hpp>

namespace oocrpc::detail {

argument_reader::argument_reader(bson::value_view arguments, const std::vector<std::string>& names)
    : arguments_(arguments),
      names_(names) {
    if (arguments_.t != bson::type::array) return;
    at_ = bson::elements(arguments_.as_document()).begin();
    more_ = at_ != std::default_sentinel;
}

std::optional<bson::value_view> argument_reader::next(std::size_t i) {
    if (arguments_.t == bson::type::array) {
        if (!more_) return std::nullopt;
        const auto found = at_->value;
        more_ = ++at_ != std::default_sentinel;
        return found;
    }
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

std::string argument_reader::finish() {
    if (!fault_.empty() || !present(arguments_)) return std::move(fault_);
    if (arguments_.t == bson::type::array) {
        if (!more_) return {};
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
