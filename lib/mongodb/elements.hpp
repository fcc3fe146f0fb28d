#pragma once

#include <cstring>

#include <oocrpc/bson.hpp>

namespace oocrpc::mongodb {

// The elements of validated documents as bytes; no bytes at all are a document without elements.

using oocrpc::detail::is;

inline bool has_elements(bytes document) noexcept {
    const bson::elements all(document);
    return all.begin() != all.end();
}

/// The bytes of an element, its type and name included.
inline bytes all_of(const bson::element& e) noexcept {
    const auto* from = reinterpret_cast<const std::uint8_t*>(e.name.data()) - 1;
    return {from, e.value.data.data() + e.value.data.size()};
}

/// The bytes of all elements of a document that has at least its length and its end.
inline bytes elements_of(bytes document) noexcept {
    return document.subspan(4, document.size() - 5);
}

/// Appends the elements that are `wanted`, as they are, in their order.
template <class Predicate> void copy_elements(bytes document, byte_buffer& out, Predicate wanted) {
    for (const auto& e : bson::elements(document))
        if (wanted(e)) out.append(all_of(e));
}

/// Appends a document of them.
template <class Predicate> void copy_document(bytes document, byte_buffer& out, Predicate wanted) {
    bson::document_writer copy(out);
    copy_elements(document, out, wanted);
    copy.finish();
}

} // namespace oocrpc::mongodb
