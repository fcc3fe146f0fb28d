// Our validator and conversions, beside libbson's and nlohmann's.

#include "fuzz.hpp"

#include <oocrpc/bson_canonical.hpp>
#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>

#include <cmath>
#include <set>

#ifdef OOCRPC_HAVE_LIBBSON
#include <bson/bson.h>
#endif

namespace fuzz {
namespace {

using namespace oocrpc::bson;

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

void beside_libbson([[maybe_unused]] oocrpc::bytes document, [[maybe_unused]] bool valid) {
#ifdef OOCRPC_HAVE_LIBBSON
    bson_t theirs;
    const auto flags =
        static_cast<bson_validate_flags_t>(BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL);
    const bool taken = bson_init_static(&theirs, document.data(), document.size()) &&
                       bson_validate(&theirs, flags, nullptr);
    if (valid) require(taken, "what we take, libbson takes");
#endif
}

void converted(oocrpc::bytes document) {
    const value_view all{type::document, document};
    oocrpc::byte_buffer key, once, twice;
    append_canonical(key, all);
    to_text(all);
    const auto text = to_text(all, json_mode::canonical);
    const auto tree = to_json(all, json_mode::canonical);
    require(to_text(tree, json_mode::canonical) == text, "both ways lead to the same text");
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
    beside_libbson(data, !fault);
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
