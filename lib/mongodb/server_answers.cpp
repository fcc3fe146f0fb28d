#include "server_answers.hpp"

#include <optional>

#include <oocrpc/bson_value.hpp>

#include "bson_element_writer.hpp"
#include "elements.hpp"
#include "errors.hpp"

namespace oocrpc::mongodb {
namespace {

using bson::type;
using bson::value_view;

void add_meta(bson::document_writer& doc, const metadata& meta) {
    if (meta.empty()) return;
    bson::document_writer inner(doc, "meta");
    for (const auto& [name, text] : meta) inner.add(name, text);
    inner.finish();
}

// More than what a result takes besides its value and the entries of its metadata.
constexpr std::size_t result_overhead = 64;

/// `{reply: <result>, [oocrpc: {meta}], ok: 1.0}`
encoded write_result(const message& m, std::size_t limit, byte_buffer& out) {
    using bson::element_writer;
    if (m.body.data.size() > limit) return encoded::too_large;
    const auto room = result_overhead + m.body.data.size() + element_writer::room_for(m.meta);
    element_writer w(out.prepare(room));
    auto* const document = w.open();
    w.add("reply", present(m.body) ? m.body : value_view{type::null, {}});
    if (!m.meta.empty()) {
        auto* const extras = w.open("oocrpc");
        auto* const meta = w.open("meta");
        w.add_all(m.meta);
        w.close(meta);
        w.close(extras);
    }
    w.add("ok", 1.0);
    const auto size = w.close(document);
    if (!w.valid()) return encoded::invalid;
    if (size > limit || size > INT32_MAX) return encoded::too_large;
    out.commit(size);
    return encoded::done;
}

/// The document as it is, with `ok` where it has none.
std::size_t write_raw(bytes document, byte_buffer& out) {
    if (bson::find(document, "ok")) {
        out.append(document);
        return document.size();
    }
    bson::document_writer doc(out);
    out.append(elements_of(document));
    doc.add("ok", 1.0);
    return doc.finish();
}

std::size_t write_error(const message& m, bool for_get_more, byte_buffer& out) {
    const auto face = face_of(*m.fault, for_get_more);
    bson::document_writer doc(out);
    doc.add("ok", 0.0);
    doc.add("errmsg", text_of(*m.fault));
    doc.add("code", face.code);
    doc.add("codeName", face.name);
    if (!face.labels.empty()) {
        bson::array_writer labels(doc, "errorLabels");
        for (const auto label : face.labels) labels.add(label);
        labels.finish();
    }
    bson::document_writer own(doc, "oocrpc");
    add_failure(own, *m.fault);
    add_meta(own, m.meta);
    own.finish();
    return doc.finish();
}

encoded fits(std::size_t size, std::size_t limit) {
    return size > limit ? encoded::too_large : encoded::done;
}

/// The one document that a command is answered with.
encoded write_document(const message& m, const request& to, std::size_t limit, byte_buffer& out) {
    if (m.fault) return fits(write_error(m, to.get_more, out), limit);
    if (m.raw) return fits(write_raw(m.body.as_document(), out), limit);
    return write_result(m, limit, out);
}

/// `{$err, code}` with the flag that says so; a lost cursor has a flag alone.
encoded write_failure(const message& m, const request& to, std::int32_t request_id,
                      std::size_t limit, byte_buffer& out) {
    const auto face = face_of(*m.fault, to.get_more);
    const bool lost = face.code == static_cast<std::int32_t>(errc::cursor_not_found);
    op_reply fields;
    fields.flags = lost ? op_reply::cursor_not_found : op_reply::query_failure;
    fields.count = lost ? 0 : 1;
    const auto start = begin_reply(out, fields, request_id, to.request_id);
    std::size_t size = 0;
    if (!lost) {
        bson::document_writer doc(out);
        doc.add("$err", text_of(*m.fault));
        doc.add("code", face.code);
        size = doc.finish();
    }
    end_message(out, start);
    return fits(size, limit);
}

/// What a cursor's reply holds, as far as OP_REPLY can say it.
struct batch {
    std::int64_t cursor = 0;
    bytes documents; // an array
};
std::optional<batch> batch_of(const message& m) {
    if (!m.raw) return std::nullopt;
    const auto cursor = bson::find(m.body.as_document(), "cursor");
    if (!cursor || cursor->t != type::document) return std::nullopt;
    batch b;
    for (const auto& e : bson::elements(cursor->as_document())) {
        if (e.name == "id" && e.value.t == type::int64) b.cursor = e.value.as_int64();
        if ((e.name == "firstBatch" || e.name == "nextBatch") && e.value.t == type::array)
            b.documents = e.value.as_document();
    }
    return b;
}

encoded write_batch(const batch& b, const request& to, std::int32_t request_id, std::size_t limit,
                    byte_buffer& out) {
    op_reply fields;
    fields.cursor = b.cursor;
    for (const auto& e : bson::elements(b.documents)) fields.count += e.value.t == type::document;
    const auto start = begin_reply(out, fields, request_id, to.request_id);
    const auto first = out.size();
    for (const auto& e : bson::elements(b.documents))
        if (e.value.t == type::document) out.append(e.value.as_document());
    end_message(out, start);
    return fits(out.size() - first, limit);
}

} // namespace

encoded write_answer(const message& m, const request& to, std::int32_t request_id,
                     std::size_t limit, byte_buffer& out) {
    if (m.kind == message_kind::error ? !m.fault : m.raw && m.body.t != type::document)
        return encoded::unsupported;
    if (to.shape == answer_shape::query || to.shape == answer_shape::get_more) {
        if (m.fault) return write_failure(m, to, request_id, limit, out);
        if (const auto b = batch_of(m)) return write_batch(*b, to, request_id, limit, out);
    }
    op_reply one;
    one.count = 1;
    const auto start = to.shape == answer_shape::msg
                           ? begin_msg(out, 0, request_id, to.request_id)
                           : begin_reply(out, one, request_id, to.request_id);
    const auto outcome = write_document(m, to, limit, out);
    end_message(out, start);
    return outcome;
}

} // namespace oocrpc::mongodb
