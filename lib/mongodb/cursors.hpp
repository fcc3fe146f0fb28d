#pragma once

#include "command_call.hpp"
#include "cursor.hpp"
#include "methods.hpp"

namespace oocrpc::mongodb {

/// What a cursor for that caller is bound to, besides its namespace.
cursor_terms terms_of(const context& c);
cursor_terms terms_of(const command_call& cmd);
/// Throws `invalid_argument` where it is negative.
void require_batch_size(std::int64_t n);
/// The host of an address, as `127.0.0.1:4711`.
std::string host_of(std::string_view address);

/// Calls `m`, which streams, and answers with the first batch; a cursor fetches the others.
awaitable<message> open_stream(const layer& of, context& c, std::shared_ptr<const known_method> m,
                               bson::value_view arguments, cursor_terms terms, batch_request ask);
/// Answers with the first batch of `all`, an array of documents or one value.
message open_values(const layer& of, context& c, bson::value_view all, cursor_terms terms,
                    batch_request ask);
/// The next batch, made where the cursor lives.
awaitable<message> next_batch(const layer& of, context& c, std::shared_ptr<cursor> from,
                              batch_request ask);

} // namespace oocrpc::mongodb
