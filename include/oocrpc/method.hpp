#pragma once

#include <array>
#include <string_view>
#include <type_traits>

#include <oocrpc/call_options.hpp>

namespace oocrpc {

template <class T> class stream;

namespace detail {
template <class R> inline constexpr bool is_stream = false;
template <class T> inline constexpr bool is_stream<stream<T>> = true;
} // namespace detail

template <class Signature> class method;

/// A method with what the caller says about one call: see method::with.
template <class Signature> struct method_with {
    const method<Signature>& which;
    call_options options;
};

/// The name and the signature of a remote function, shared by the caller and the service:
///
///     inline constexpr oocrpc::method<int(int, int)> add{"demo.add", {"a", "b"}};
///
/// The result `stream<T>` makes it a method that streams. Arguments and results travel as BSON
/// without a tree in between: see bson_value.hpp for the types. Value type, refers to literals.
template <class R, class... A> class method<R(A...)> {
  public:
    using result_type = R;
    using names_type = std::array<std::string_view, sizeof...(A)>;
    static constexpr bool streams = detail::is_stream<R>;

    /// `names` are for calls with named arguments, and for error texts.
    constexpr method(std::string_view name, names_type names = {}) : name_(name), names_(names) {}

    constexpr std::string_view name() const noexcept { return name_; }
    constexpr const names_type& parameters() const noexcept { return names_; }

    /// The method with a deadline, or metadata, for one call: `db.call(add.with(deadline{2s}), 2,
    /// 3)`. Refers to the method.
    method_with<R(A...)> with(call_options options) const { return {*this, std::move(options)}; }
    method_with<R(A...)> with(deadline when) const { return {*this, call_options{when, {}}}; }

  private:
    std::string_view name_;
    names_type names_;
};

} // namespace oocrpc
