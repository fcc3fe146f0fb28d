#pragma once

// Members of plain aggregates, with their names, without macros: the count by probing how many
// initialisers the type takes, the names from the text that the compiler gives a pointer to the
// member of an object that is declared and never defined.

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace oocrpc::detail {

inline constexpr std::size_t most_members = 24;

struct never {};

// Converts to the type of any member; never to T itself, or a struct of one member would be copied.
template <class T> struct any_member {
    template <class M>
        requires(!std::is_same_v<M, T>)
    operator M() const {
        throw never{}; // std::optional's constructors want a body, though nobody calls it
    }
};

// Converts to the bases of T alone.
template <class T> struct any_base {
    template <class B>
        requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>)
    operator B() const {
        throw never{};
    }
};

template <class T, std::size_t... I> constexpr bool takes(std::index_sequence<I...>) {
    return requires { T{(static_cast<void>(I), any_member<T>{})...}; };
}

template <class T, std::size_t N = most_members + 1> constexpr std::size_t count_members() {
    if constexpr (N == 0)
        return 0;
    else if constexpr (takes<T>(std::make_index_sequence<N>{}))
        return N;
    else
        return count_members<T, N - 1>();
}

template <class T>
concept has_base = requires { T{any_base<T>{}}; };

/// A struct whose members can be told apart: an aggregate without bases and without C arrays, of
/// at most 24 members.
template <class T>
concept reflectable = std::is_class_v<T> && std::is_aggregate_v<T> && !has_base<T> &&
                      (count_members<T>() <= most_members);

/// Calls `f` with a reference to each member of `object`, in order, and returns what it returns.
template <class T, class F> constexpr decltype(auto) with_members(T& object, F&& f) {
    constexpr auto n = count_members<std::remove_cv_t<T>>();
    if constexpr (n == 0) {
        return f();
    } else if constexpr (n == 1) {
        auto& [m0] = object;
        return f(m0);
    } else if constexpr (n == 2) {
        auto& [m0, m1] = object;
        return f(m0, m1);
    } else if constexpr (n == 3) {
        auto& [m0, m1, m2] = object;
        return f(m0, m1, m2);
    } else if constexpr (n == 4) {
        auto& [m0, m1, m2, m3] = object;
        return f(m0, m1, m2, m3);
    } else if constexpr (n == 5) {
        auto& [m0, m1, m2, m3, m4] = object;
        return f(m0, m1, m2, m3, m4);
    } else if constexpr (n == 6) {
        auto& [m0, m1, m2, m3, m4, m5] = object;
        return f(m0, m1, m2, m3, m4, m5);
    } else if constexpr (n == 7) {
        auto& [m0, m1, m2, m3, m4, m5, m6] = object;
        return f(m0, m1, m2, m3, m4, m5, m6);
    } else if constexpr (n == 8) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7);
    } else if constexpr (n == 9) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8);
    } else if constexpr (n == 10) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9);
    } else if constexpr (n == 11) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10);
    } else if constexpr (n == 12) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11);
    } else if constexpr (n == 13) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12);
    } else if constexpr (n == 14) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13);
    } else if constexpr (n == 15) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14);
    } else if constexpr (n == 16) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15);
    } else if constexpr (n == 17) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16);
    } else if constexpr (n == 18) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17] =
            object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17);
    } else if constexpr (n == 19) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
               m18] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                 m18);
    } else if constexpr (n == 20) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
               m19] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                 m18, m19);
    } else if constexpr (n == 21) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
               m19, m20] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                 m18, m19, m20);
    } else if constexpr (n == 22) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
               m19, m20, m21] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                 m18, m19, m20, m21);
    } else if constexpr (n == 23) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
               m19, m20, m21, m22] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                 m18, m19, m20, m21, m22);
    } else if constexpr (n == 24) {
        auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
               m19, m20, m21, m22, m23] = object;
        return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                 m18, m19, m20, m21, m22, m23);
    }
}

template <class... M> struct member_list {};

template <class T> auto list_members(T& object) {
    return with_members(object, [](auto&... member) {
        return member_list<std::remove_cvref_t<decltype(member)>...>{};
    });
}

// Room for a T that is never constructed, for the addresses of its members. A declaration without
// definition would do, but not for local types and those of unnamed namespaces.
template <class T> union room {
    constexpr room() : none{} {}
    ~room() {}
    char none;
    T object;
};
template <class T> inline room<T> somewhere;

// A class around the pointer, since not every compiler takes the address of a member by itself.
template <class M> struct member_pointer {
    const M* at;
};

template <class T, std::size_t I> constexpr auto pointer_to_member() {
    return with_members(somewhere<T>.object, [](auto&... member) {
        auto all = std::make_tuple(&member...);
        using pointer = std::tuple_element_t<I, decltype(all)>;
        return member_pointer<std::remove_cv_t<std::remove_pointer_t<pointer>>>{std::get<I>(all)};
    });
}

template <auto Pointer> constexpr auto spelled_pointer() {
    // The result type is left to deduction: g++ would append an explanation of std::string_view.
    return std::string_view{__PRETTY_FUNCTION__};
}

// "... Pointer = ...somewhere<T>.room<T>::object.T::name)}]": the last identifier is the name.
constexpr std::string_view last_identifier(std::string_view text) {
    auto part = [](char c) {
        return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    };
    while (!text.empty() && !part(text.back())) text.remove_suffix(1);
    auto begin = text.size();
    while (begin != 0 && part(text[begin - 1])) --begin;
    return text.substr(begin);
}

template <class T, std::size_t... I> constexpr auto names_of(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{
        last_identifier(spelled_pointer<pointer_to_member<T, I>()>())...};
}

/// The names of the members of T, in order.
template <class T>
inline constexpr auto member_names = names_of<T>(std::make_index_sequence<count_members<T>()>{});

} // namespace oocrpc::detail
