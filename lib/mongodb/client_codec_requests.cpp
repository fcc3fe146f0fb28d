// How mongodb_client_codec writes requests.

#include <algorithm>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

#include "bson_element_writer.hpp"
#include "client_codec.hpp"
#include "command_names.hpp"
#include "elements.hpp"

namespace oocrpc {

namespace mongodb {
/// What a command document has to be known for.
struct command_fields {
    std::string_view name;
    bool max_time = false;
    bool write_concern = false;
    bool database = false;
    bson::value_view bulk = absent; ///< the field that becomes a section
};
} // namespace mongodb

namespace {

using namespace mongodb;
using bson::type;
using bson::value_view;

// Cancelled requests whose answers are waited for, in case they open a cursor.
constexpr std::size_t most_orphans = 1024;
// What a command, or a statement of an update or a delete, may exceed the limit of a document by.
constexpr std::size_t slack = 16 << 10;
// More than a method's command takes besides its names, its arguments and the entries of its
// metadata.
constexpr std::size_t method_overhead = 96;

/// The field of a write command that may travel as a section of its own; empty for other commands.
std::string_view bulk_field(std::string_view command) noexcept {
    if (command == "insert") return "documents";
    if (command == "update") return "updates";
    return command == "delete" ? "deletes" : "";
}

bool all_documents(bytes array, std::size_t& count) noexcept {
    for (const auto& e : bson::elements(array)) {
        if (e.value.t != type::document) return false;
        ++count;
    }
    return true;
}

command_fields look_at(bytes document) noexcept {
    command_fields f;
    for (const auto& e : bson::elements(document)) {
        if (f.name.data() == nullptr) f.name = e.name;
        if (e.name == "maxTimeMS")
            f.max_time = true;
        else if (e.name == "writeConcern")
            f.write_concern = true;
        else if (e.name == "$db")
            f.database = true;
        else if (e.value.t == type::array && e.name == bulk_field(f.name))
            f.bulk = e.value;
    }
    // One document stays where it is.
    std::size_t count = 0;
    if (present(f.bulk) && (!all_documents(f.bulk.as_document(), count) || count < 2))
        f.bulk = absent;
    return f;
}

/// Besides what never_compressed() knows, which is what a server answers itself.
bool confidential(std::string_view command) noexcept {
    return command == "createUser" || command == "updateUser" || command.starts_with("copydb") ||
           never_compressed(own_command(command, type::int32));
}

void check(std::size_t size, std::size_t limit) {
    if (size > limit) throw rpc_error(errc::message_too_large);
}

/// Servers refuse more than an int32, which is 24 days.
bool takes_max_time(std::int64_t ms) noexcept {
    return ms >= 1 && ms <= INT32_MAX;
}

} // namespace

encoded mongodb_client_codec::state::call(const message& m, byte_buffer& out) {
    const auto start = out.size();
    const auto request_id = requests_.next_id();
    const auto to = split_name(m.method, options_.database);
    auto outcome = encoded::invalid;
    try {
        if (write_call(m, to, request_id, out)) outcome = encoded::done;
    } catch (const rpc_error& e) { // of the BSON writer, and of check()
        if (e.code() == errc::message_too_large) outcome = encoded::too_large;
    }
    if (outcome != encoded::done)
        out.truncate(start);
    else if (!m.oneway)
        remember(m, to.name == command_collection, request_id);
    return outcome;
}

bool mongodb_client_codec::state::write_call(const message& m, const name_parts& to,
                                             std::int32_t request_id, byte_buffer& out) {
    auto [database, name] = to;
    if (database.empty() || name.empty()) return false;
    const auto start = begin_msg(out, m.oneway ? op_msg::more_to_come : 0, request_id);
    if (name == command_collection) {
        if (m.body.t != type::document) return false;
        const auto document = m.body.as_document();
        const auto f = look_at(document);
        if (f.name.empty()) return false;
        name = f.name;
        write_document(m, f, database, out);
        if (present(f.bulk)) write_section(bulk_field(name), f.bulk.as_document(), out);
    } else {
        if (!write_method(m, database, name, out)) return false;
    }
    end_message(out, start);
    check(out.size() - start, largest_request_);
    if (server_.compression && !confidential(name)) pack(out, start, *server_.compression);
    return true;
}

/// Where the names cannot be carried it is false, and nothing was written.
bool mongodb_client_codec::state::write_method(const message& m, std::string_view database,
                                               std::string_view name, byte_buffer& out) const {
    check(m.body.data.size(), largest_document_ + slack);
    bson::element_writer w(out.prepare(method_overhead + name.size() + database.size() +
                                       m.body.data.size() +
                                       bson::element_writer::room_for(m.meta)));
    auto* const document = w.open();
    if (!present(m.body)) {
        w.add(name, std::int32_t{1});
    } else if (server_.ours && m.body.t != type::array && m.body.t != type::document) {
        // 1 would mean that there are none.
        auto* const alone = w.open(type::array, name);
        w.add("0", m.body);
        w.close(alone);
    } else {
        w.add(name, m.body);
    }
    if (takes_max_time(m.timeout_ms)) w.add("maxTimeMS", static_cast<std::int32_t>(m.timeout_ms));
    write_extras(w, m);
    w.add("$db", database);
    const auto size = w.close(document);
    check(size, largest_document_ + slack);
    if (w.valid()) out.commit(size);
    return w.valid();
}

void mongodb_client_codec::state::write_document(const message& m, const command_fields& f,
                                                 std::string_view database,
                                                 byte_buffer& out) const {
    bson::document_writer doc(out);
    const auto document = m.body.as_document();
    if (!f.database && !present(f.bulk)) {
        out.append(elements_of(document));
    } else {
        copy_elements(document, out, [&](const bson::element& e) {
            return e.name != "$db" && e.value.data.data() != f.bulk.data.data();
        });
    }
    // Servers take it with a getMore only where the cursor waits for data.
    if (!f.max_time && f.name != "getMore" && takes_max_time(m.timeout_ms))
        doc.add("maxTimeMS", static_cast<std::int32_t>(m.timeout_ms));
    if (m.oneway && !f.write_concern && !bulk_field(f.name).empty()) {
        bson::document_writer concern(doc, "writeConcern");
        concern.add("w", std::int32_t{0});
        concern.finish();
    }
    bson::element_writer w(out.prepare(method_overhead + bson::element_writer::room_for(m.meta)));
    auto* const from = w.at();
    write_extras(w, m);
    if (!w.valid()) throw rpc_error(errc::invalid_argument, "a text of the metadata is not UTF-8");
    out.commit(static_cast<std::size_t>(w.at() - from));
    doc.add("$db", database);
    check(doc.finish(), largest_document_ + slack);
}

void mongodb_client_codec::state::write_extras(bson::element_writer& w, const message& m) const {
    if (!server_.ours || (m.credit < 1 && m.meta.empty())) return;
    auto* const extras = w.open("$oocrpc");
    if (m.credit > 0) w.add("stream", m.credit);
    if (!m.meta.empty()) {
        auto* const meta = w.open("meta");
        w.add_all(m.meta);
        w.close(meta);
    }
    w.close(extras);
}

void mongodb_client_codec::state::write_section(std::string_view name, bytes array,
                                                byte_buffer& out) const {
    const auto start = begin_section(out, name);
    const auto limit = largest_document_ + (name == "documents" ? 0 : slack);
    std::size_t count = 0;
    for (const auto& e : bson::elements(array)) {
        check(e.value.data.size(), limit);
        check(++count, server_.max_batch);
        out.append(e.value.data);
    }
    end_section(out, start);
}

void mongodb_client_codec::state::remember(const message& m, bool whole, std::int32_t request_id) {
    outgoing r;
    r.request_id = request_id;
    r.id = m.id;
    r.whole = whole;
    r.stream = m.credit > 0;
    requests_.add(r);
    if (!r.stream) return;
    auto& s = streams_[m.id];
    s.credit = m.credit;
    s.request = request_id;
}

encoded mongodb_client_codec::state::cancel(std::int64_t id, byte_buffer& out) {
    const auto before = out.size();
    const auto* r = requests_.find_call(id);
    const auto request_id = r ? r->request_id : 0;
    if (const auto at = streams_.find(id); at != streams_.end() && at->second.cursor) {
        if (r) forget(request_id);
        auto& s = at->second;
        kill_cursor({s.cursor, std::move(s.database), std::move(s.collection)}, out);
    } else if (r) {
        if (server_.ours) kill_operation(request_id, out);
        // Its answer may still open a cursor.
        if (requests_.orphans() < most_orphans)
            requests_.orphan(request_id);
        else
            forget(request_id);
    }
    streams_.erase(id);
    return out.size() > before ? encoded::done : encoded::unsupported;
}

encoded mongodb_client_codec::state::grant(const message& m, byte_buffer& out) {
    const auto at = streams_.find(m.id);
    if (at == streams_.end()) return encoded::unsupported;
    at->second.credit += m.credit;
    // What a batch holds counts first.
    if (batch_.id != m.id) get_more(m.id, at->second, out);
    return encoded::done;
}

void mongodb_client_codec::state::get_more(std::int64_t id, stream& s, byte_buffer& out) {
    if (!s.cursor || s.request || (s.credit < 1 && !s.collects)) return;
    s.request = requests_.next_id();
    const auto start = begin_msg(out, 0, s.request);
    bson::document_writer doc(out);
    doc.add("getMore", s.cursor);
    doc.add("collection", s.collection);
    if (!s.collects)
        doc.add("batchSize",
                static_cast<std::int32_t>(std::min<std::int64_t>(s.credit, INT32_MAX)));
    doc.add("$db", s.database);
    doc.finish();
    end_message(out, start);
    if (server_.compression) pack(out, start, *server_.compression);
    outgoing r;
    r.request_id = s.request;
    r.id = id;
    r.stream = true;
    requests_.add(r);
}

void mongodb_client_codec::state::kill_operation(std::int32_t request_id, byte_buffer& out) {
    const auto start = begin_msg(out, op_msg::more_to_come, requests_.next_id());
    bson::document_writer doc(out);
    doc.add("killOp", std::int32_t{1});
    doc.add("op", request_id);
    doc.add("$db", std::string_view("admin"));
    doc.finish();
    end_message(out, start);
}

void mongodb_client_codec::state::kill_cursor(const doomed& d, byte_buffer& out) {
    const auto start = begin_msg(out, op_msg::more_to_come, requests_.next_id());
    bson::document_writer doc(out);
    doc.add("killCursors", d.collection);
    bson::array_writer cursors(doc, "cursors");
    cursors.add(d.cursor);
    cursors.finish();
    doc.add("$db", d.database);
    doc.finish();
    end_message(out, start);
}

void mongodb_client_codec::state::write_login(byte_buffer& out) {
    const auto start = begin_msg(out, 0, hello_);
    bson::document_writer command(out);
    login_->write(command);
    command.finish();
    end_message(out, start);
}

void mongodb_client_codec::state::forget(std::int32_t request_id) {
    requests_.remove(request_id);
    std::erase_if(chains_, [request_id](auto& c) { return c.second == request_id; });
}

} // namespace oocrpc
