#pragma once

#include <oocrpc/detail/bson_kind.hpp>

namespace oocrpc::bson::detail {

template <class I> std::string integer_name() {
    return (std::is_signed_v<I> ? "int" : "uint") + std::to_string(sizeof(I) * 8);
}

template <class T, class... Outer> std::string type_name_in();

template <class... Outer, class... M>
std::string members_text(member_list<M...>, [[maybe_unused]] const std::string_view* name) {
    std::string text = "{";
    [[maybe_unused]] auto add = [&](std::string type) {
        if (text.size() > 1) text += ", ";
        text.append(*name++).append(": ").append(type);
    };
    (add(type_name_in<M, Outer...>()), ...);
    return text + "}";
}

template <class T, class... Outer, std::size_t... I>
std::string tuple_text(std::index_sequence<I...>) {
    std::string text = "[";
    ((text += (I ? ", " : "") + type_name_in<std::tuple_element_t<I, T>, Outer...>()), ...);
    return text + "]";
}

// Outer are the structs that T stands in: a struct that contains itself is named, not unfolded.
template <class T, class... Outer> std::string type_name_in() {
    constexpr auto k = kind_of<T>();
    if constexpr (k == kind::nothing)
        return "null";
    else if constexpr ((std::is_same_v<T, Outer> || ...))
        return "{...}";
    else if constexpr (k == kind::boolean)
        return "bool";
    else if constexpr (k == kind::integer)
        return integer_name<T>();
    else if constexpr (k == kind::enumeration)
        return integer_name<std::underlying_type_t<T>>();
    else if constexpr (k == kind::real)
        return std::is_same_v<T, float> ? "float" : "double";
    else if constexpr (k == kind::text)
        return "string";
    else if constexpr (k == kind::time)
        return "datetime";
    else if constexpr (k == kind::binary)
        return "binary";
    else if constexpr (k == kind::maybe)
        return "optional<" + type_name_in<typename T::value_type, Outer...>() + ">";
    else if constexpr (k == kind::map)
        return "map<" + type_name_in<typename T::mapped_type, Outer...>() + ">";
    else if constexpr (k == kind::list)
        return "array<" +
               type_name_in<std::remove_cv_t<std::ranges::range_value_t<const T>>, Outer...>() +
               ">";
    else if constexpr (k == kind::tuple)
        return tuple_text<T, Outer...>(std::make_index_sequence<std::tuple_size_v<T>>{});
    else if constexpr (k == kind::aggregate)
        return members_text<T, Outer...>(decltype(list_members(std::declval<T&>())){},
                                         member_names<T>.data());
    else
        return "any";
}

// What an error text expects: the type of the value alone, not what is inside.
template <class T> std::string expected_name() {
    switch (kind_of<T>()) {
    case kind::map:
    case kind::aggregate:
        return "document";
    case kind::list:
    case kind::tuple:
        return "array";
    default:
        return type_name_in<T>();
    }
}

} // namespace oocrpc::bson::detail
