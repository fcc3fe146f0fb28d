#pragma once

#include <string>

#include "wire.hpp"

namespace oocrpc::mongodb {

// The operations of before OP_MSG, as the commands that replaced them.

/// A fullCollectionName, taken apart.
struct collection_name {
    std::string_view database;
    std::string_view collection;
};
/// Returns what is wrong, or an empty text: both parts are needed.
std::string split(std::string_view name, collection_name& out);

/// The query without what drivers lay around it: `$query` or `query`.
struct bare_query {
    bytes document;
    std::int64_t max_time = -1; ///< `$maxTimeMS` in milliseconds, -1 none
};
bare_query unwrap(bytes query) noexcept;

// Each appends one document.

void write_find(const op_query& q, const collection_name& at, bytes filter, byte_buffer& out);
void write_get_more(const op_get_more& g, const collection_name& at, byte_buffer& out);
void write_kill_cursors(const op_kill_cursors& k, byte_buffer& out);
void write_insert(const op_insert& i, const collection_name& at, byte_buffer& out);

} // namespace oocrpc::mongodb
