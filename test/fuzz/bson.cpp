// Our validator and conversions, beside libbson's and nlohmann's.

#include "fuzz.hpp"

#include <oocrpc/bson_canonical.hpp>
#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#ifdef OOCRPC_HAVE_LIBBSON
#include <bson/bson.h>
#endif

namespace fuzz {
namespace {

using namespace oocrpc::bson;
using oocrpc::byte_buffer;

/// All that can be reached, by the elements; counts them.
std::size_t walk(oocrpc::bytes document) {
    std::size_t n = 0;
    for (const element e : elements(document)) {
        const auto* begin = e.value.data.data();
        require(begin >= document.data() &&
                    begin + e.value.data.size() < document.data() + document.size(),
                "an element lies within its document");
        n += 1 + e.name.size();
        if (e.value.t == type::document || e.value.t == type::array)
            n += walk(e.value.as_document());
    }
    return n;
}

/// Whether nlohmann reads the same out of it: types that it knows, in documents without the same
/// key twice, and binary data whose lengths it understands.
bool plain(oocrpc::bytes document) {
    std::set<std::string_view> names;
    for (const element e : elements(document)) {
        if (!names.insert(e.name).second) return false;
        switch (e.value.t) {
        case type::document:
        case type::array:
            if (!plain(e.value.as_document())) return false;
            break;
        case type::float64:
            if (!std::isfinite(e.value.as_double())) return false;
            break;
        case type::binary:
            if (e.value.as_binary().subtype == 2) return false;
            break;
        case type::string:
        case type::boolean:
        case type::null:
        case type::int32:
        case type::int64:
            break;
        default:
            return false;
        }
    }
    return true;
}

void beside_nlohmann(oocrpc::bytes document) {
    if (!plain(document)) return;
    const auto theirs = oocrpc::json::from_bson(document.begin(), document.end(), true, false);
    require(!theirs.is_discarded(), "what we take, nlohmann takes");
    require(to_json({type::document, document}) == theirs, "nlohmann reads the same");
}

#ifdef OOCRPC_HAVE_LIBBSON
/// What libbson does not see: it has another limit, skips inner documents that are none, and leaves
/// out options of regular expressions that it does not know, and is lax with old types.
constexpr std::string_view missed[] = {
    "documents are nested too deeply", "document does not end with NUL",
    "document ends before its length", // of code with scope
    "regex options are not UTF-8",
    "string does not end with NUL", // of a DBPointer
};

using owned_text = std::unique_ptr<char, void (*)(void*)>;
owned_text written(const bson_t& document) {
    return {bson_as_canonical_extended_json(&document, nullptr), bson_free};
}

/// `fault` is what we say.
void beside_libbson(oocrpc::bytes document, const std::optional<fault>& fault) {
    bson_t theirs;
    const auto flags =
        static_cast<bson_validate_flags_t>(BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL);
    const bool valid = bson_init_static(&theirs, document.data(), document.size()) &&
                       bson_validate(&theirs, flags, nullptr);
    if (!fault) return require(valid, "what we take, libbson takes");
    // Not all texts are looked at before they are written.
    if (!valid || !written(theirs)) return;
    require(std::ranges::find(missed, fault->what) != std::end(missed),
            "what libbson takes, we take");
}

/// Of the options of regular expressions libbson writes those that it knows, once, and some texts
/// only up to a NUL.
bool libbson_writes_all(std::string_view text) {
    if (text.find("\\u0000") != text.npos) return false;
    constexpr std::string_view key = "\"options\":\"";
    while (true) {
        const auto at = text.find(key);
        if (at == text.npos) return true;
        text.remove_prefix(at + key.size());
        const auto options = text.substr(0, text.find('"'));
        if (options.find_first_not_of("ilmsux") != options.npos) return false;
        if (std::ranges::adjacent_find(options, std::greater_equal()) != options.end())
            return false;
    }
}

/// Each reads what the other writes, as the same document.
void texts_beside_libbson(oocrpc::bytes document, const std::string& ours) {
    byte_buffer back;
    bson_t theirs;
    if (!libbson_writes_all(ours)) return;
    require(bson_init_static(&theirs, document.data(), document.size()), "it is a document");
    const auto text = written(theirs);
    require(text != nullptr, "libbson writes what it has taken");
    put_document(back, parse(text.get()));
    require(std::ranges::equal(oocrpc::bytes(back), document), "we read what libbson writes");
    auto* const read = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(ours.data()),
                                          static_cast<ssize_t>(ours.size()), nullptr);
    const std::unique_ptr<void, void (*)(void*)> owned(
        read, [](void* b) { bson_destroy(static_cast<bson_t*>(b)); });
    if (!read && validate(document, 90)) return; // its reader goes less deep
    require(read != nullptr, "libbson reads what we write");
    require(std::ranges::equal(oocrpc::bytes(bson_get_data(read), read->len), document),
            "as the same document");
}
#else
void beside_libbson(oocrpc::bytes, const std::optional<fault>&) {}
void texts_beside_libbson(oocrpc::bytes, const std::string&) {}
#endif

/// Whether the text is read back as the same: its keys may look like a wrapper, and of the values
/// that are no number one is written.
bool comes_back(oocrpc::bytes document, const std::string& text) {
    byte_buffer back;
    try {
        put_document(back, parse(text));
    } catch (const oocrpc::rpc_error&) {
        return false;
    }
    return std::ranges::equal(oocrpc::bytes(back), document);
}

void converted(oocrpc::bytes document) {
    const value_view all{type::document, document};
    oocrpc::byte_buffer key, once, twice;
    append_canonical(key, all);
    to_text(all);
    const auto text = to_text(all, json_mode::canonical);
    const auto tree = to_json(all, json_mode::canonical);
    require(to_text(tree, json_mode::canonical) == text, "both ways lead to the same text");
    if (comes_back(document, text)) texts_beside_libbson(document, text);
    try {
        put_document(once, tree);
        require(!validate(once), "what is written is valid");
        put_document(twice, to_json({type::document, once}, json_mode::canonical));
    } catch (const oocrpc::rpc_error&) {
        return; // keys that look like a wrapper
    }
    require(std::ranges::equal(oocrpc::bytes(once), oocrpc::bytes(twice)),
            "what was written once is written the same again");
}

} // namespace

void bson(oocrpc::bytes data) {
    const auto fault = validate(data);
    beside_libbson(data, fault);
    if (fault) {
        require(fault->offset <= data.size() && !fault->what.empty(), "a fault has a place");
        return;
    }
    require(validate(data.first(data.size() - 1)).has_value(), "a part of it is not valid");
    walk(data);
    beside_nlohmann(data);
    converted(data);
}

} // namespace fuzz
