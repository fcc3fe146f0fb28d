// How mongodb_server_codec reads requests.

#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

#include "command_names.hpp"
#include "server_codec.hpp"

namespace oocrpc {
namespace {

using namespace mongodb;

// Numbers of operations below this are requestIDs of the connection itself.
constexpr std::int64_t request_ids = std::int64_t{1} << 32;

} // namespace

std::string mongodb_server_codec::state::read(bytes message, oocrpc::message& out) {
    const auto head = read_header(message);
    current_ = {};
    current_.request_id = head.request_id;
    answered_ = false;
    std::string why;
    if (head.operation != opcode::compressed) {
        why = read_plain(message, out);
    } else {
        why = unpack(message, largest_request, unpacked_, current_.compressor);
        current_.compressed = why.empty();
        if (why.empty()) why = read_plain(unpacked_, out);
    }
    if (!why.empty() && answered_) {
        current_.compressed = false;
        blamed_ = current_;
    }
    return why;
}

std::string mongodb_server_codec::state::read_plain(bytes message, oocrpc::message& out) {
    switch (read_header(message).operation) {
    case opcode::msg:
        return read_msg(message, out);
    case opcode::query:
        return read_query(message, out);
    case opcode::get_more:
        return read_get_more(message, out);
    case opcode::kill_cursors:
        return read_kill_cursors(message, out);
    case opcode::insert:
        return read_insert(message, out);
    case opcode::update:
        return ignore<op_update>(message, out);
    case opcode::remove:
        return ignore<op_delete>(message, out);
    case opcode::old_msg:
        return ignore<old_msg>(message, out);
    case opcode::reply:
    case opcode::compressed:
        break;
    }
    return "OP_COMPRESSED: what it holds is not a request";
}

template <class Operation>
std::string mongodb_server_codec::state::ignore(bytes message, oocrpc::message& out) {
    Operation m;
    out.kind = message_kind::ignored;
    return parse(message, m);
}

std::string mongodb_server_codec::state::read_msg(bytes message, oocrpc::message& out) {
    // What can be told of a message that is wrong otherwise.
    if (message.size() >= header_size + 4) {
        const auto flags = detail::load_le<std::uint32_t>(message.data() + header_size);
        out.oneway = (flags & op_msg::more_to_come) != 0;
        answered_ = !out.oneway;
    }
    command c;
    command_reader reader(c);
    if (auto why = parse(message, msg_, documents, reader); !why.empty())
        return msg_.too_many ? refuse(why, out) : why;
    if (auto why = reader.end(); !why.empty()) return "OP_MSG: " + why;
    if (c.database.empty()) return "OP_MSG: $db is missing or empty";
    if (!c.wrong.empty()) return refuse(c.wrong, out);
    take(c, msg_.body, out);
    return {};
}

std::string mongodb_server_codec::state::read_query(bytes message, oocrpc::message& out) {
    op_query q;
    auto why = parse(message, q, documents);
    collection_name at;
    const auto wrong_name = split(q.name, at);
    const bool is_command = at.collection == command_collection;
    current_.shape = is_command ? answer_shape::command : answer_shape::query;
    answered_ = true;
    if (!why.empty()) return why;
    if (!wrong_name.empty()) return "OP_QUERY: " + wrong_name;
    const auto query = unwrap(q.query);
    if (!is_command) {
        write_find(q, at, query.document, scratch_);
        out.timeout_ms = query.max_time;
        built(at.database, "find", out);
        return {};
    }
    command c;
    why = read_command(query.document, c);
    if (!why.empty()) return "OP_QUERY: " + why;
    if (!c.wrong.empty()) return refuse(c.wrong, out);
    c.database = at.database;
    if (c.max_time < 0) c.max_time = query.max_time;
    msg_.sections.clear();
    take(c, query.document, out);
    return {};
}

std::string mongodb_server_codec::state::read_get_more(bytes message, oocrpc::message& out) {
    op_get_more g;
    current_.shape = answer_shape::get_more;
    current_.get_more = true;
    answered_ = true;
    if (auto why = parse(message, g); !why.empty()) return why;
    collection_name at;
    if (auto why = split(g.name, at); !why.empty()) return "OP_GET_MORE: " + why;
    write_get_more(g, at, scratch_);
    built(at.database, "getmore", out);
    return {};
}

std::string mongodb_server_codec::state::read_kill_cursors(bytes message, oocrpc::message& out) {
    op_kill_cursors k;
    if (auto why = parse(message, k); !why.empty()) return why;
    if (k.count() > largest_batch)
        return "OP_KILL_CURSORS: " + std::to_string(k.count()) + " cursors exceed the limit of " +
               std::to_string(largest_batch);
    write_kill_cursors(k, scratch_);
    out.oneway = true;
    built("admin", "killcursors", out);
    return {};
}

std::string mongodb_server_codec::state::read_insert(bytes message, oocrpc::message& out) {
    op_insert i;
    if (auto why = parse(message, i, documents); !why.empty()) return why;
    collection_name at;
    if (auto why = split(i.name, at); !why.empty()) return "OP_INSERT: " + why;
    write_insert(i, at, scratch_);
    out.oneway = true;
    built(at.database, "insert", out);
    return {};
}

/// Where the message ends is known, so that those before and after it go on: this one gets its
/// error.
std::string mongodb_server_codec::state::refuse(const std::string& why, oocrpc::message& out) {
    out = oocrpc::message();
    if (!answered_) return {};
    const auto id = pending_.add(current_);
    answer(oocrpc::message::error(id, errc::invalid_argument, why), refusals_);
    return {};
}

/// Commands on collections, as `{update: "c", updates: [...]}`: no form of a call has further keys
/// beside a text.
bool mongodb_server_codec::state::is_whole(const command& c) const noexcept {
    return c.value.t == bson::type::string && (c.further || !msg_.sections.empty());
}

void mongodb_server_codec::state::take(const command& c, bytes document, oocrpc::message& out) {
    const auto own = mongodb::own_command(c.name, c.value.t);
    const bool whole = own.empty() && is_whole(c);
    if (own.empty() && !whole) return call(c, document, out);
    if (out.oneway && is_cancel(own, document, out)) return;
    if (!msg_.sections.empty()) {
        merge(document, msg_.sections, scratch_);
        document = scratch_;
    }
    own_command(whole ? c.name : own, c, document, out);
}

void mongodb_server_codec::state::call(const command& c, bytes document, oocrpc::message& out) {
    out.kind = message_kind::call;
    name_method(c.database, c.name, out);
    out.body = arguments(c, document, msg_.sections, scratch_);
    out.timeout_ms = c.max_time;
    out.credit = c.credit;
    if (!c.meta.empty()) read_meta(c, out.meta);
    expect_answer(out);
}

void mongodb_server_codec::state::own_command(std::string_view name, const command& c,
                                              bytes document, oocrpc::message& out) {
    out.kind = message_kind::call;
    out.raw = true;
    name_method(c.database, name, out);
    out.body = {bson::type::document, document};
    if (never_compressed(name)) current_.compressed = false;
    current_.get_more = name == "getmore";
    // There it is how long to wait for more, not when to give up.
    if (!current_.get_more) out.timeout_ms = c.max_time;
    if (!c.meta.empty()) read_meta(c, out.meta);
    expect_answer(out);
}

void mongodb_server_codec::state::built(std::string_view database, std::string_view name,
                                        oocrpc::message& out) {
    out.kind = message_kind::call;
    out.raw = true;
    name_method(database, name, out);
    out.body = {bson::type::document, scratch_};
    expect_answer(out);
}

bool mongodb_server_codec::state::is_cancel(std::string_view name, bytes document,
                                            oocrpc::message& out) {
    if (name != "killop") return false;
    const auto op = bson::find(document, "op");
    if (!op || (op->t != bson::type::int32 && op->t != bson::type::int64)) return false;
    const auto number = op->t == bson::type::int32 ? op->as_int32() : op->as_int64();
    if (number < INT32_MIN || number >= request_ids) return false;
    const auto id = pending_.id_of(static_cast<std::int32_t>(number));
    out.kind = id ? message_kind::cancel : message_kind::ignored;
    out.oneway = false;
    out.id = id;
    return true;
}

void mongodb_server_codec::state::name_method(std::string_view database, std::string_view name,
                                              oocrpc::message& out) {
    const auto size = database.size() + 1 + name.size();
    if (method_.size() < size) method_.resize(size);
    auto* at = method_.data();
    database.copy(at, database.size());
    at[database.size()] = '.';
    name.copy(at + database.size() + 1, name.size());
    out.method = {at, size};
}

void mongodb_server_codec::state::expect_answer(oocrpc::message& out) {
    if (!out.oneway) out.id = pending_.add(current_);
}

} // namespace oocrpc
