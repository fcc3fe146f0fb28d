#pragma once

#include <oocrpc/bson_json.hpp>
#include <oocrpc/detail/bson_kind.hpp>

namespace oocrpc::bson::detail {

template <class T> void append_le(byte_buffer& out, T v) {
    store_le(out.grow(sizeof v), v);
}

// These throw rpc_error for what BSON cannot hold.
void append_string(byte_buffer& out, std::string_view text);
void append_binary(byte_buffer& out, std::uint8_t subtype, bytes data);
[[noreturn]] void throw_unsigned_too_large(std::uint64_t v);

template <class I> type put_integer(byte_buffer& out, I v) {
    if constexpr (sizeof(I) < 4 || (sizeof(I) == 4 && std::is_signed_v<I>)) {
        append_le(out, static_cast<std::int32_t>(v));
        return type::int32;
    } else {
        if constexpr (sizeof(I) == 8 && std::is_unsigned_v<I>)
            if (v >> 63) throw_unsigned_too_large(v);
        append_le(out, static_cast<std::int64_t>(v));
        return type::int64;
    }
}

template <class T> type put_time(byte_buffer& out, const T& at) {
    append_le(out,
              static_cast<std::int64_t>(
                  std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch().count()));
    return type::datetime;
}

template <class T> type put_user_json(byte_buffer& out, const T& v) {
    json_of<T> made;
    nlohmann::adl_serializer<T>::to_json(made, v);
    if constexpr (std::is_same_v<json_of<T>, json>)
        return put(out, made);
    else
        return put(out, json(made));
}

template <class T> type put_map(byte_buffer& out, const T& map) {
    document_writer document(out);
    for (auto& [name, item] : map) document.add(std::string_view(name), item);
    document.finish();
    return type::document;
}

template <class T> type put_list(byte_buffer& out, const T& list) {
    array_writer array(out);
    for (auto&& item : list)
        array.add(static_cast<const std::ranges::range_value_t<const T>&>(item));
    array.finish();
    return type::array;
}

template <class T> type put_tuple(byte_buffer& out, const T& tuple) {
    array_writer array(out);
    std::apply([&](const auto&... item) { (array.add(item), ...); }, tuple);
    array.finish();
    return type::array;
}

template <class T> type put_aggregate(byte_buffer& out, const T& object) {
    document_writer document(out);
    with_members(object, [&](const auto&... member) {
        [[maybe_unused]] std::size_t i = 0;
        (document.add(member_names<T>[i++], member), ...);
    });
    document.finish();
    return type::document;
}

template <class T> type put_value(byte_buffer& out, const T& v) {
    constexpr auto k = kind_of<T>();
    if constexpr (k == kind::view || k == kind::owned) {
        value_view view = v;
        out.append(view.data);
        return view.t;
    } else if constexpr (k == kind::json) {
        return put(out, v); // the overload of bson_json.hpp
    } else if constexpr (k == kind::user_json) {
        return put_user_json(out, v);
    } else if constexpr (k == kind::boolean) {
        out.push_back(v ? 1 : 0);
        return type::boolean;
    } else if constexpr (k == kind::nothing) {
        return type::null;
    } else if constexpr (k == kind::maybe) {
        return v ? put_value(out, *v) : type::null;
    } else if constexpr (k == kind::enumeration) {
        return put_integer(out, static_cast<std::underlying_type_t<T>>(v));
    } else if constexpr (k == kind::integer) {
        return put_integer(out, v);
    } else if constexpr (k == kind::real) {
        append_le(out, std::bit_cast<std::uint64_t>(static_cast<double>(v)));
        return type::float64;
    } else if constexpr (k == kind::text) {
        append_string(out, v);
        return type::string;
    } else if constexpr (k == kind::time) {
        return put_time(out, v);
    } else if constexpr (k == kind::binary) {
        append_binary(
            out, 0,
            {reinterpret_cast<const std::uint8_t*>(std::ranges::data(v)), std::ranges::size(v)});
        return type::binary;
    } else if constexpr (k == kind::map) {
        return put_map(out, v);
    } else if constexpr (k == kind::list) {
        return put_list(out, v);
    } else if constexpr (k == kind::tuple) {
        return put_tuple(out, v);
    } else if constexpr (k == kind::aggregate) {
        return put_aggregate(out, v);
    } else {
        static_assert(always_false<T>, "this type has no BSON form: make it a plain struct of at "
                                       "most 24 members, or give it to_json and from_json");
    }
}

} // namespace oocrpc::bson::detail
