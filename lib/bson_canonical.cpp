#include <oocrpc/bson_canonical.hpp>

#include <algorithm>

namespace oocrpc::bson {
namespace {

void append_size(byte_buffer& out, std::size_t n) {
    detail::store_le(out.grow(8), static_cast<std::uint64_t>(n));
}

void append_sized(byte_buffer& out, const void* data, std::size_t size) {
    append_size(out, size);
    out.append(data, size);
}

// The recursion is as deep as the documents are nested, which validation bounds.
void append_document(byte_buffer& out, bytes document) {
    std::vector<element> sorted;
    for (auto& e : elements(document)) sorted.push_back(e);
    // Of keys that come twice the first is the one that counts, so these stay in their order.
    std::ranges::sort(sorted, [](const element& a, const element& b) {
        auto order = a.name <=> b.name;
        return order < 0 || (order == 0 && a.name.data() < b.name.data());
    });
    append_size(out, sorted.size());
    for (auto& e : sorted) {
        append_sized(out, e.name.data(), e.name.size());
        append_canonical(out, e.value);
    }
}

void append_array(byte_buffer& out, bytes array) {
    elements items(array);
    append_size(out, static_cast<std::size_t>(std::ranges::distance(items)));
    for (auto& e : items) append_canonical(out, e.value);
}

} // namespace

void append_canonical(byte_buffer& out, value_view v) {
    out.push_back(static_cast<std::uint8_t>(v.t == type::int32 ? type::int64 : v.t));
    switch (v.t) {
    case type::int32:
        detail::store_le(out.grow(8), static_cast<std::int64_t>(v.as_int32()));
        break;
    case type::document:
        append_document(out, v.data);
        break;
    case type::array:
        append_array(out, v.data);
        break;
    case type::code_with_scope: {
        auto code = 4 + detail::load_le<std::uint32_t>(v.data.data() + 4);
        out.append(v.data.subspan(4, code)); // begins with its length
        append_document(out, v.data.subspan(4 + code));
        break;
    }
    default:
        // The bytes tell their own end: by a length in front, a fixed size or a NUL behind.
        out.append(v.data);
    }
}

} // namespace oocrpc::bson
