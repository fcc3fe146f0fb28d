#pragma once

// Which of the forms that put(), get() and type_name() know a C++ type has: one order for all
// three.

#include <oocrpc/bson.hpp>
#include <oocrpc/detail/reflect.hpp>
#include <oocrpc/value.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>

namespace oocrpc::bson::detail {

using namespace oocrpc::detail;

enum class kind {
    view,      // value_view
    owned,     // value
    json,      // the dynamic value
    user_json, // a type with to_json/from_json of its own
    boolean,
    nothing, // nullptr_t, monostate
    maybe,   // optional
    enumeration,
    integer,
    real,
    text,
    time,
    binary, // a run of uint8_t or std::byte
    map,    // string keys
    list,
    tuple,
    aggregate,
    unknown,
};

// Stand for a JSON value in overload resolution without bringing in nlohmann's own overloads, which
// would claim every type: only functions of the namespace of T are found. So neither may be a
// template over what it stands for, whose namespace would be searched too.
struct ordered_probe {
    operator json&();
    operator const json&() const;
};
struct plain_probe {
    operator nlohmann::json&();
    operator const nlohmann::json&() const;
};
template <class J>
using json_probe = std::conditional_t<std::is_same_v<J, json>, ordered_probe, plain_probe>;

template <class T, class J>
concept has_own_json = requires(json_probe<J>& out, const json_probe<J>& in, T& v) {
    to_json(out, std::as_const(v));
    from_json(in, v);
};

// NLOHMANN_DEFINE_TYPE_... up to 3.11 defines the functions for nlohmann::json alone.
template <class T>
using json_of = std::conditional_t<has_own_json<T, nlohmann::json>, nlohmann::json, json>;

template <class T>
concept user_json = (std::is_class_v<T> || std::is_enum_v<T>) &&
                    (has_own_json<T, json> || has_own_json<T, nlohmann::json>);

// A specialisation of nlohmann::adl_serializer: what is left when nothing of ours fits.
template <class T>
concept adl_json = nlohmann::detail::has_to_json<json, T>::value &&
                   nlohmann::detail::has_from_json<json, T>::value;

template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;

template <class T> inline constexpr bool is_time = false;
template <class D>
inline constexpr bool is_time<std::chrono::time_point<std::chrono::system_clock, D>> = true;

template <class T>
concept byte_range = std::ranges::contiguous_range<const T> && std::ranges::sized_range<const T> &&
                     (std::same_as<std::ranges::range_value_t<const T>, std::uint8_t> ||
                      std::same_as<std::ranges::range_value_t<const T>, std::byte>);

template <class T>
concept string_map = std::ranges::input_range<const T> && requires {
    typename T::key_type;
    typename T::mapped_type;
    requires std::convertible_to<const typename T::key_type&, std::string_view>;
};

template <class T>
concept tuple_like = requires { std::tuple_size<T>::value; };

template <class T> constexpr kind kind_of() {
    using std::same_as;
    if constexpr (same_as<T, value_view>)
        return kind::view;
    else if constexpr (same_as<T, value>)
        return kind::owned;
    else if constexpr (same_as<T, json>)
        return kind::json;
    else if constexpr (user_json<T>)
        return kind::user_json;
    else if constexpr (same_as<T, bool>)
        return kind::boolean;
    else if constexpr (same_as<T, std::nullptr_t> || same_as<T, std::monostate> ||
                       std::is_void_v<T>)
        return kind::nothing;
    else if constexpr (is_optional<T>)
        return kind::maybe;
    else if constexpr (std::is_enum_v<T>)
        return kind::enumeration;
    else if constexpr (std::integral<T>)
        return kind::integer;
    else if constexpr (same_as<T, double> || same_as<T, float>)
        return kind::real;
    else if constexpr (std::convertible_to<const T&, std::string_view>)
        return kind::text;
    else if constexpr (is_time<T>)
        return kind::time;
    else if constexpr (byte_range<T>)
        return kind::binary;
    else if constexpr (string_map<T>)
        return kind::map;
    else if constexpr (std::ranges::input_range<const T>)
        return kind::list;
    else if constexpr (tuple_like<T>)
        return kind::tuple;
    else if constexpr (std::is_class_v<T> && adl_json<T>)
        return kind::user_json;
    else if constexpr (reflectable<T>)
        return kind::aggregate;
    else
        return kind::unknown;
}

template <class T> inline constexpr bool always_false = false;

} // namespace oocrpc::bson::detail
