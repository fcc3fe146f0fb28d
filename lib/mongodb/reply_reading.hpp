#pragma once

#include <oocrpc/message.hpp>

#include "wire.hpp"

namespace oocrpc::mongodb {

/// What a reply document says; views into it.
struct reply_fields {
    bool ok = false;
    bson::value_view result = absent; ///< `reply`
    bytes cursor;                     ///< the document `cursor`, empty where there is none
    bson::value_view code = absent;
    std::string_view code_name;
    std::string_view text; ///< `errmsg`, else `$err`
    bytes oocrpc;          ///< what servers of ours add
};
/// Reads a reply, element by element.
class reply_reader final : public element_reader {
  public:
    void read(const bson::element& e) override;

    reply_fields found;
};
/// The same for a document that is validated.
reply_fields read_reply(bytes document);

/// What a cursor document says; a number of any type is its id, 0 for one that is exhausted.
struct cursor_fields {
    std::int64_t id = 0;
    std::string_view ns; ///< `database.collection`
    bytes batch;         ///< firstBatch, nextBatch: an array, empty where it is missing
};
cursor_fields read_cursor(bytes cursor) noexcept;

/// The failure that a reply with `ok: 0` is (PROTOCOL section 3): the one that a server of ours
/// has named, else the library's own of that code, else an application's that is called codeName.
failure read_failure(const reply_fields& f);

/// Copies the texts of `oocrpc.meta`.
void read_meta(const reply_fields& f, metadata& out);

/// Appends `document` without the keys that belong to the protocol: `ok`, `operationTime`, and
/// those that begin with `$`.
void write_result(bytes document, byte_buffer& out);

} // namespace oocrpc::mongodb
