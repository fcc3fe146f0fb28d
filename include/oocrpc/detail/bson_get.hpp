#pragma once

#include <oocrpc/bson_json.hpp>
#include <oocrpc/detail/bson_type_name.hpp>

#include <cmath>
#include <limits>

namespace oocrpc::bson {

/// Why a value did not fit a C++ type: where it stands, what was expected there and what was found.
struct read_error {
    std::string path; ///< such as "items[3].price"; empty for the value itself
    std::string expected;
    std::string got; ///< "missing" where there was nothing

    /// Such as "items[3].price: expected double, got string".
    std::string text() const;

    /// Fills in what was expected and found; false, for the caller to return.
    bool fail(std::string_view expected, std::string_view got);
    /// Puts a key, or an index, in front of the path, on the way out of a value; false.
    bool in(std::string_view key);
    bool in(std::size_t index);
};

namespace detail {

template <class T> bool get_value(value_view v, T& out, read_error& e);

bool fail_type(read_error& e, std::string_view expected, value_view v);
bool fail_range(read_error& e, std::string expected, std::string least, std::string most,
                value_view v);
bool fail_float(read_error& e, double got);
bool fail_count(read_error& e, std::string_view what, std::size_t expected, std::size_t got);
// The real number that `v` stands for, where it is one or a whole number with an exact double.
bool read_real(value_view v, double& out, read_error& e);

template <class I> bool get_integer(value_view v, I& out, read_error& e) {
    std::int64_t n;
    if (v.t == type::int32)
        n = v.as_int32();
    else if (v.t == type::int64)
        n = v.as_int64();
    else
        return fail_type(e, integer_name<I>(), v);
    using limits = std::numeric_limits<I>;
    bool fits;
    if constexpr (std::is_signed_v<I>)
        fits = n >= limits::min() && n <= limits::max();
    else
        fits = n >= 0 && static_cast<std::uint64_t>(n) <= limits::max();
    if (!fits)
        return fail_range(e, integer_name<I>(), std::to_string(limits::min()),
                          std::to_string(limits::max()), v);
    out = static_cast<I>(n);
    return true;
}

template <class F> bool get_real(value_view v, F& out, read_error& e) {
    double d;
    if (!read_real(v, d, e)) return false;
    if constexpr (std::is_same_v<F, float>)
        if (std::isfinite(d) && std::abs(d) > std::numeric_limits<float>::max())
            return fail_float(e, d);
    out = static_cast<F>(d);
    return true;
}

template <class T> bool get_text(value_view v, T& out, read_error& e) {
    static_assert(std::is_assignable_v<T&, std::string_view>,
                  "text is read into a std::string or a std::string_view");
    if (v.t != type::string) return fail_type(e, "string", v);
    out = v.as_string();
    return true;
}

template <class T> bool get_time(value_view v, T& out, read_error& e) {
    if (v.t != type::datetime) return fail_type(e, "datetime", v);
    std::chrono::milliseconds since(v.as_int64());
    // As doubles, since neither unit need be able to hold the other's limits.
    using real = std::chrono::duration<double, std::milli>;
    auto least = real(T::min().time_since_epoch()), most = real(T::max().time_since_epoch());
    if (real(since) < least || real(since) > most)
        return fail_range(e, "datetime", std::to_string(static_cast<std::int64_t>(least.count())),
                          std::to_string(static_cast<std::int64_t>(most.count())), v);
    out = T(std::chrono::floor<typename T::duration>(since));
    return true;
}

template <class T> bool get_binary(value_view v, T& out, read_error& e) {
    if (v.t != type::binary) return fail_type(e, "binary", v);
    auto data = v.as_binary().data;
    if constexpr (requires { out.resize(data.size()); } || tuple_like<T>) {
        if constexpr (tuple_like<T>) {
            if (data.size() != out.size()) return fail_count(e, "binary", out.size(), data.size());
        } else {
            out.resize(data.size());
        }
        if (!data.empty()) std::memcpy(out.data(), data.data(), data.size());
    } else {
        using byte = std::ranges::range_value_t<T>;
        static_assert(std::is_constructible_v<T, const byte*, std::size_t>,
                      "binary is read into a vector, an array or a view of constant bytes");
        out = T(reinterpret_cast<const byte*>(data.data()), data.size());
    }
    return true;
}

template <class T> bool get_user_json(value_view v, T& out, read_error& e) {
    try {
        json_of<T>(to_json(v)).get_to(out);
        return true;
    } catch (const std::exception& error) {
        return e.fail(type_name_in<T>(), error.what());
    }
}

template <class T> bool get_map(value_view v, T& out, read_error& e) {
    if (v.t != type::document) return fail_type(e, "document", v);
    out.clear();
    for (auto& [name, item] : elements(v.data)) {
        typename T::mapped_type made{};
        if (!get_value(item, made, e)) return e.in(name);
        out.emplace(typename T::key_type(name), std::move(made));
    }
    return true;
}

template <class T> struct mutable_item {
    using type = T;
};
template <class K, class V> struct mutable_item<std::pair<const K, V>> {
    using type = std::pair<K, V>;
};

template <class T> bool get_list(value_view v, T& out, read_error& e) {
    if (v.t != type::array) return fail_type(e, "array", v);
    using item_type = typename mutable_item<std::ranges::range_value_t<T>>::type;
    std::size_t i = 0;
    if constexpr (tuple_like<T> || std::is_array_v<T>) {
        for (auto& [name, item] : elements(v.data)) {
            if (i < std::size(out) && !get_value(item, out[i], e)) return e.in(i);
            ++i;
        }
        if (i != std::size(out)) return fail_count(e, "array", std::size(out), i);
    } else {
        out.clear();
        for (auto& [name, item] : elements(v.data)) {
            item_type made{};
            if (!get_value(item, made, e)) return e.in(i);
            out.insert(out.end(), std::move(made));
            ++i;
        }
    }
    return true;
}

template <class T> bool get_tuple(value_view v, T& out, read_error& e) {
    constexpr auto n = std::tuple_size_v<T>;
    if (v.t != type::array) return fail_type(e, "array", v);
    elements items(v.data);
    auto at = items.begin();
    std::size_t i = 0;
    auto one = [&](auto& member) {
        if (at == items.end()) return false;
        if (!get_value(at->value, member, e)) return e.in(i);
        ++at, ++i;
        return true;
    };
    const bool fits = std::apply([&](auto&... member) { return (one(member) && ...); }, out);
    if (fits && at == items.end()) return true;
    // That there are too few or too many is said first, whatever these are.
    if (auto count = static_cast<std::size_t>(std::ranges::distance(items)); count != n) {
        e = {};
        return fail_count(e, "array", n, count);
    }
    return false;
}

template <class M> bool get_missing(M& member, std::string_view name, read_error& e) {
    if constexpr (kind_of<M>() == kind::maybe || kind_of<M>() == kind::nothing) {
        member = M{};
        return true;
    } else {
        e.fail(expected_name<M>(), "missing");
        return e.in(name);
    }
}

template <class T> bool get_aggregate(value_view v, T& out, read_error& e) {
    if (v.t != type::document) return fail_type(e, "document", v);
    constexpr auto& names = member_names<T>;
    [[maybe_unused]] std::array<bool, names.size() + 1> seen{};
    return with_members(out, [&](auto&... member) {
        [[maybe_unused]] std::size_t guess = 0; // members mostly come in order
        for (auto& [name, item] : elements(v.data)) {
            std::size_t at = names.size();
            for (std::size_t tried = 0; tried < names.size(); ++tried, ++guess) {
                if (guess == names.size()) guess = 0;
                if (names[guess] != name) continue;
                at = guess++;
                break;
            }
            if (at == names.size() || seen[at]) continue;
            seen[at] = true;
            std::size_t i = 0;
            if (!((i++ != at || get_value(item, member, e)) && ...)) return e.in(name);
        }
        [[maybe_unused]] std::size_t i = 0;
        [[maybe_unused]] auto complete = [&](auto& one) {
            auto at = i++;
            return seen[at] || get_missing(one, names[at], e);
        };
        return (complete(member) && ...);
    });
}

template <class T> bool get_value(value_view v, T& out, read_error& e) {
    constexpr auto k = kind_of<T>();
    if constexpr (k == kind::view || k == kind::owned) {
        out = T(v);
        return true;
    } else if constexpr (k == kind::json) {
        out = to_json(v);
        return true;
    } else if constexpr (k == kind::user_json) {
        return get_user_json(v, out, e);
    } else if constexpr (k == kind::boolean) {
        if (v.t != type::boolean) return fail_type(e, "bool", v);
        out = v.as_bool();
        return true;
    } else if constexpr (k == kind::nothing) {
        return v.t == type::null || v.t == type::undefined || fail_type(e, "null", v);
    } else if constexpr (k == kind::maybe) {
        if (v.t != type::null && v.t != type::undefined) return get_value(v, out.emplace(), e);
        out.reset();
        return true;
    } else if constexpr (k == kind::enumeration) {
        std::underlying_type_t<T> n;
        if (!get_integer(v, n, e)) return false;
        out = static_cast<T>(n);
        return true;
    } else if constexpr (k == kind::integer) {
        return get_integer(v, out, e);
    } else if constexpr (k == kind::real) {
        return get_real(v, out, e);
    } else if constexpr (k == kind::text) {
        return get_text(v, out, e);
    } else if constexpr (k == kind::time) {
        return get_time(v, out, e);
    } else if constexpr (k == kind::binary) {
        return get_binary(v, out, e);
    } else if constexpr (k == kind::map) {
        return get_map(v, out, e);
    } else if constexpr (k == kind::list) {
        return get_list(v, out, e);
    } else if constexpr (k == kind::tuple) {
        return get_tuple(v, out, e);
    } else if constexpr (k == kind::aggregate) {
        return get_aggregate(v, out, e);
    } else {
        static_assert(always_false<T>, "this type has no BSON form: make it a plain struct of at "
                                       "most 24 members, or give it to_json and from_json");
    }
}

} // namespace detail
} // namespace oocrpc::bson
