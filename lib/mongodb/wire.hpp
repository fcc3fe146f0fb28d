#pragma once

// The messages of MongoDB's wire protocol as bytes: layouts only, both directions, no meaning
// (PROTOCOL section 2; https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/).
//
// What is parsed are views into the message; every length in it was checked and every document
// validated, so that bson::elements and friends may walk it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/bson.hpp>

namespace oocrpc::mongodb {

enum class opcode : std::int32_t {
    reply = 1,
    old_msg = 1000,
    update = 2001,
    insert = 2002,
    query = 2004,
    get_more = 2005,
    remove = 2006,
    kill_cursors = 2007,
    compressed = 2012,
    msg = 2013,
};
bool is_known(opcode op) noexcept;
/// The name as specifications write it, such as "OP_MSG".
std::string_view to_string(opcode op) noexcept;

inline constexpr std::size_t header_size = 16;
/// The largest message that any implementation accepts, in bytes.
inline constexpr std::size_t largest_message = 48'000'000;
/// How large a message may be where a document may have `largest_document` bytes.
constexpr std::size_t largest_message_for(std::size_t largest_document) noexcept {
    return largest_document < largest_message / 3 ? 3 * largest_document : largest_message;
}
/// The most documents that one write command may bring (maxWriteBatchSize), as MongoDB has it.
inline constexpr std::size_t largest_batch = 100'000;
/// The depth at which documents are refused where the caller says nothing else.
inline constexpr std::size_t default_depth = bson::default_max_depth + 3;
/// What the documents of a message may have.
struct document_limits {
    document_limits(std::size_t most_deep = default_depth, std::size_t most_elements = SIZE_MAX,
                    std::size_t most_documents = SIZE_MAX)
        : depth(most_deep),
          elements(most_elements),
          documents(most_documents) {}

    std::size_t depth;     ///< of documents in documents
    std::size_t elements;  ///< of each document, those of the documents within it, too
    std::size_t documents; ///< that stand back to back, in all sections together
};

struct header {
    std::int32_t length = 0; ///< of the whole message
    std::int32_t request_id = 0;
    std::int32_t response_to = 0;
    opcode operation{};
};
/// `message` holds at least header_size bytes.
header read_header(bytes message) noexcept;

/// Validated documents, back to back: `for (bytes d : documents(all))`.
class documents {
  public:
    class iterator {
      public:
        using value_type = bytes;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        explicit iterator(bytes rest) noexcept : rest_(rest) {}
        bytes operator*() const noexcept { return rest_.first(size()); }
        iterator& operator++() noexcept {
            rest_ = rest_.subspan(size());
            return *this;
        }
        iterator operator++(int) noexcept {
            auto before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.rest_.empty();
        }

      private:
        std::size_t size() const noexcept { return detail::load_le<std::uint32_t>(rest_.data()); }

        bytes rest_;
    };

    explicit documents(bytes all) noexcept : all_(all) {}
    iterator begin() const noexcept { return iterator(all_); }
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    bytes all_;
};

/// Kind 1 of OP_MSG: the array field `name` of the command.
struct section {
    std::string_view name;
    bytes documents; ///< back to back
    std::size_t count = 0;
};

/// Who is told the elements of a document, one after the other, that nobody has looked at before.
/// What a document among them holds is not to be believed until the reading is over.
class element_reader {
  public:
    virtual void read(const bson::element& e) = 0;

  protected:
    ~element_reader() = default;
};

struct op_msg {
    static constexpr std::uint32_t checksum_present = 1u << 0;
    static constexpr std::uint32_t more_to_come = 1u << 1;
    static constexpr std::uint32_t exhaust_allowed = 1u << 16;

    std::uint32_t flags = 0;
    bytes body;                    ///< the document of kind 0
    std::vector<section> sections; ///< of kind 1, with names that neither repeat nor are in `body`
    bool too_many = false;         ///< parse() has stopped at the limit of documents, and no sooner
};
struct op_query {
    static constexpr std::int32_t exhaust = 1 << 6;

    std::int32_t flags = 0;
    std::string_view name; ///< fullCollectionName
    std::int32_t skip = 0;
    std::int32_t wanted = 0; ///< numberToReturn
    bytes query;
    bytes fields; ///< returnFieldsSelector, empty where there is none
};
struct op_reply {
    static constexpr std::int32_t cursor_not_found = 1 << 0;
    static constexpr std::int32_t query_failure = 1 << 1;

    std::int32_t flags = 0;
    std::int64_t cursor = 0;
    std::int32_t starting_from = 0;
    std::int32_t count = 0;
    bytes documents; ///< back to back, `count` of them
};
struct op_get_more {
    std::string_view name;
    std::int32_t wanted = 0;
    std::int64_t cursor = 0;
};
struct op_kill_cursors {
    bytes ids; ///< of 8 bytes each
    std::size_t count() const noexcept { return ids.size() / 8; }
    std::int64_t id(std::size_t i) const noexcept {
        return detail::load_le<std::int64_t>(ids.data() + 8 * i);
    }
};
struct op_insert {
    static constexpr std::int32_t continue_on_error = 1 << 0;

    std::int32_t flags = 0;
    std::string_view name;
    bytes documents; ///< back to back, `count` of them, at least one
    std::size_t count = 0;
};
struct op_update {
    std::string_view name;
    std::int32_t flags = 0;
    bytes selector;
    bytes update;
};
struct op_delete {
    std::string_view name;
    std::int32_t flags = 0;
    bytes selector;
};
struct old_msg {
    std::string_view text;
};
struct op_compressed {
    opcode operation{};    ///< of the message inside
    std::int32_t size = 0; ///< what it claims to hold, its header not counted
    std::uint8_t compressor = 0;
    bytes data;
};

/// A peer's text as an error quotes it: only told to be long where it is.
std::string quoted(std::string_view text);

// Each reads a whole message, the header included, whose length and operation are right. Returns
// what is wrong and at which byte of the message, or an empty text; `out` counts only then. `out`
// may be used again, which saves an op_msg its allocations.

std::string parse(bytes message, op_msg& out, document_limits each = {});
/// The same, and `body` is told the elements of the document of kind 0 while it is validated.
std::string parse(bytes message, op_msg& out, document_limits each, element_reader& body);
std::string parse(bytes message, op_query& out, document_limits each = {});
std::string parse(bytes message, op_reply& out, document_limits each = {});
std::string parse(bytes message, op_get_more& out);
std::string parse(bytes message, op_kill_cursors& out);
std::string parse(bytes message, op_insert& out, document_limits each = {});
std::string parse(bytes message, op_update& out, document_limits each = {});
std::string parse(bytes message, op_delete& out, document_limits each = {});
std::string parse(bytes message, old_msg& out);
std::string parse(bytes message, op_compressed& out);

// Writing appends to a buffer in which other bytes may stand. Nothing that is written is checked
// but names, which throw rpc_error(invalid_argument) where they hold NUL or are not UTF-8.

/// Appends a header without a length; end_message() writes it. Returns where the message begins.
std::size_t begin_message(byte_buffer& out, opcode op, std::int32_t request_id,
                          std::int32_t response_to = 0);
void end_message(byte_buffer& out, std::size_t start);

/// Begins an OP_MSG; what follows is the body, then sections, then end_message().
std::size_t begin_msg(byte_buffer& out, std::uint32_t flags, std::int32_t request_id,
                      std::int32_t response_to = 0);
/// Begins a section of kind 1; what follows are its documents, then end_section(). Returns where
/// the section begins.
std::size_t begin_section(byte_buffer& out, std::string_view name);
void end_section(byte_buffer& out, std::size_t start);
/// Begins an OP_REPLY; what follows are `count` documents, then end_message().
std::size_t begin_reply(byte_buffer& out, const op_reply& fields, std::int32_t request_id,
                        std::int32_t response_to);

/// A whole OP_MSG. The flag of a checksum is left out, as none is written.
void put(byte_buffer& out, const op_msg& m, std::int32_t request_id, std::int32_t response_to = 0);
void put(byte_buffer& out, const op_query& m, std::int32_t request_id);
void put(byte_buffer& out, const op_reply& m, std::int32_t request_id, std::int32_t response_to);
void put(byte_buffer& out, const op_get_more& m, std::int32_t request_id);
void put(byte_buffer& out, const op_kill_cursors& m, std::int32_t request_id);

} // namespace oocrpc::mongodb
