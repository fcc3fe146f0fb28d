#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

namespace oocrpc {

/// How something ended: a value or the exception that came instead; Twisted's `(success, result)`.
///
/// A value type: it copies where T copies. T may be void.
template <class T> class result {
  public:
    using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    result()
        requires std::is_void_v<T>
        : held_(std::in_place_index<0>) {}
    result(value_type value)
        requires(!std::is_void_v<T>)
        : held_(std::in_place_index<0>, std::move(value)) {}
    /// `error` must not be null.
    static result failed(std::exception_ptr error) { return result(failure{}, std::move(error)); }

    bool ok() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    /// The value; throws the error where there is none.
    decltype(auto) value() & { return get(*this); }
    decltype(auto) value() const& { return get(*this); }
    T value() && {
        if constexpr (std::is_void_v<T>)
            get(*this);
        else
            return std::move(get(*this));
    }

    /// The error; null where there is a value.
    std::exception_ptr error() const noexcept {
        return ok() ? std::exception_ptr() : *std::get_if<1>(&held_);
    }

  private:
    struct failure {};
    result(failure, std::exception_ptr error) : held_(std::in_place_index<1>, std::move(error)) {}

    template <class Self> static auto get(Self& self) -> decltype(auto) {
        if (!self.ok()) std::rethrow_exception(*std::get_if<1>(&self.held_));
        if constexpr (!std::is_void_v<T>) return (*std::get_if<0>(&self.held_));
    }

    std::variant<value_type, std::exception_ptr> held_;
};

} // namespace oocrpc
