#include "legacy_requests.hpp"

#include <limits>

#include <oocrpc/bson_value.hpp>

#include "command_names.hpp"

namespace oocrpc::mongodb {
namespace {

using bson::type;

/// |n|, which the least int32 has none of.
std::int32_t magnitude(std::int32_t n) noexcept {
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    return n >= 0 ? n : n < -most ? most : -n;
}

/// numberToReturn: below 0 and 1 mean one batch and no cursor, 0 what the server likes.
void write_wanted(const op_query& q, bson::document_writer& doc) {
    if (q.wanted < 0 || q.wanted == 1) {
        doc.add("limit", magnitude(q.wanted));
        doc.add("singleBatch", true);
    } else if (q.flags & op_query::exhaust) {
        // The client asks for no more: give as much as one reply holds.
        doc.add("batchSize", std::numeric_limits<std::int32_t>::max());
    } else if (q.wanted > 1) {
        doc.add("batchSize", q.wanted);
    }
}

} // namespace

std::string split(std::string_view name, collection_name& out) {
    const auto parts = split_name(name);
    if (parts.database.empty() || parts.name.empty())
        return "collection name " + quoted(name) + " is not database.collection";
    out = {parts.database, parts.name};
    return {};
}

bare_query unwrap(bytes query) noexcept {
    bare_query out{query};
    bool first = true;
    for (const auto& e : bson::elements(query)) {
        if (first) {
            const bool wrapped = e.name == "$query" || e.name == "query";
            if (!wrapped || e.value.t != type::document) return out;
            out.document = e.value.as_document();
            first = false;
        } else if (e.name == "$maxTimeMS" && e.value.t == type::int32) {
            if (const auto ms = e.value.as_int32(); ms > 0) out.max_time = ms;
        }
    }
    return out;
}

void write_find(const op_query& q, const collection_name& at, bytes filter, byte_buffer& out) {
    bson::document_writer doc(out);
    doc.add("find", at.collection);
    doc.add("filter", bson::value_view{type::document, filter});
    if (!q.fields.empty()) doc.add("projection", bson::value_view{type::document, q.fields});
    if (q.skip > 0) doc.add("skip", q.skip);
    write_wanted(q, doc);
    doc.add("$db", at.database);
    doc.finish();
}

void write_get_more(const op_get_more& g, const collection_name& at, byte_buffer& out) {
    bson::document_writer doc(out);
    doc.add("getMore", g.cursor);
    doc.add("collection", at.collection);
    if (g.wanted) doc.add("batchSize", magnitude(g.wanted));
    doc.add("$db", at.database);
    doc.finish();
}

void write_kill_cursors(const op_kill_cursors& k, byte_buffer& out) {
    bson::document_writer doc(out);
    doc.add("killCursors", "");
    bson::array_writer ids(doc, "cursors");
    for (std::size_t i = 0; i < k.count(); ++i) ids.add(k.id(i));
    ids.finish();
    doc.add("$db", "admin");
    doc.finish();
}

void write_insert(const op_insert& i, const collection_name& at, byte_buffer& out) {
    bson::document_writer doc(out);
    doc.add("insert", at.collection);
    bson::array_writer array(doc, "documents");
    for (const bytes d : documents(i.documents)) array.add(bson::value_view{type::document, d});
    array.finish();
    doc.add("ordered", (i.flags & op_insert::continue_on_error) == 0);
    doc.add("$db", at.database);
    doc.finish();
}

} // namespace oocrpc::mongodb
