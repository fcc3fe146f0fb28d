#pragma once

#include <optional>
#include <string>
#include <vector>

#include <oocrpc/bson_value.hpp>

namespace oocrpc::detail {

template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;

/// Finds the parameters of a method in the arguments of a call, one after the other.
///
/// An array holds them by position, a document by name, and any other value is the first one. The
/// first thing that does not fit is kept; finish() also looks for what is left over.
class argument_reader {
  public:
    argument_reader(bson::value_view arguments, const std::vector<std::string>& names)
        : arguments_(arguments),
          names_(names) {
        if (arguments_.t != bson::type::array) return;
        at_ = bson::elements(arguments_.as_document()).begin();
        more_ = at_ != std::default_sentinel;
    }

    template <class T> void read(std::size_t i, T& out) {
        if (!fault_.empty()) return;
        const auto found = next(i);
        if (!found) {
            if constexpr (!is_optional<T>) missing(i, bson::type_name<T>());
            return;
        }
        bson::read_error e;
        if (!bson::get(*found, out, e)) wrong(i, e);
    }
    /// Empty where all arguments fit, else what is wrong with them.
    std::string finish() {
        const bool done = arguments_.t == bson::type::array && !more_;
        return done || !fault_.empty() ? std::move(fault_) : left_over();
    }

  private:
    std::optional<bson::value_view> next(std::size_t i) {
        if (arguments_.t != bson::type::array) return named(i);
        if (!more_) return std::nullopt;
        const auto found = at_->value;
        more_ = ++at_ != std::default_sentinel;
        return found;
    }
    std::optional<bson::value_view> named(std::size_t i) const;
    void missing(std::size_t i, const std::string& type);
    void wrong(std::size_t i, const bson::read_error& e);
    std::string name(std::size_t i) const;
    std::string left_over();
    std::string surplus(std::size_t given) const;

    const bson::value_view arguments_;
    const std::vector<std::string>& names_;
    bson::elements::iterator at_;
    bool more_ = false;
    std::string fault_;
};

} // namespace oocrpc::detail
