#include "reply_reading.hpp"

#include "elements.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

using bson::type;
using bson::value_view;

bytes document_in(value_view v, type wanted = type::document) noexcept {
    return v.t == wanted ? v.as_document() : bytes();
}

std::string_view text_in(value_view v) noexcept {
    return v.t == type::string ? v.as_string() : std::string_view();
}

int int_of(value_view v, int otherwise) noexcept {
    const auto n = present(v) ? lenient_integer(v) : std::nullopt;
    return n && *n >= INT32_MIN && *n <= INT32_MAX ? static_cast<int>(*n) : otherwise;
}

} // namespace

void reply_reader::read(const bson::element& e) {
    const auto& [name, v] = e;
    if (is(name, "reply"))
        found.result = v;
    else if (is(name, "ok"))
        found.ok = lenient_true(v);
    else if (is(name, "cursor"))
        found.cursor = document_in(v);
    else if (is(name, "errmsg") || (is(name, "$err") && found.text.empty()))
        found.text = text_in(v);
    else if (is(name, "code"))
        found.code = v;
    else if (is(name, "codeName"))
        found.code_name = text_in(v);
    else if (is(name, "oocrpc"))
        found.oocrpc = document_in(v);
}

reply_fields read_reply(bytes document) {
    reply_reader reader;
    for (const auto& e : bson::elements(document)) reader.read(e);
    return reader.found;
}

cursor_fields read_cursor(bytes cursor) noexcept {
    cursor_fields c;
    for (const auto& [name, v] : bson::elements(cursor)) {
        if (name == "id")
            c.id = lenient_integer(v).value_or(0);
        else if (name == "ns")
            c.ns = text_in(v);
        else if (name == "firstBatch" || name == "nextBatch")
            c.batch = document_in(v, type::array);
    }
    return c;
}

failure read_failure(const reply_fields& f) {
    failure out;
    out.code = int_of(f.code, static_cast<int>(errc::application));
    out.detail = f.text;
    for (const auto& [name, v] : bson::elements(f.oocrpc)) {
        if (name == "message") out.message = text_in(v);
        if (name == "detail" && v.t == type::string) out.detail = v.as_string();
    }
    if (!out.message.empty()) {
        // What may not travel under its own number does so under another.
        if (const auto own = errc_from_string(out.message)) out.code = static_cast<int>(*own);
        return out;
    }
    const auto own = static_cast<errc>(out.code);
    if (own != errc::application) out.message = to_string(own);
    if (out.message.empty()) out.message = f.code_name;
    if (out.message.empty()) out.message = "command_failed";
    if (out.detail.empty()) out.detail = "the server gave no reason";
    return out;
}

void read_meta(const reply_fields& f, metadata& out) {
    for (const auto& [name, v] : bson::elements(f.oocrpc)) {
        if (name != "meta" || v.t != type::document) continue;
        for (const auto& entry : bson::elements(v.as_document()))
            if (entry.value.t == type::string) out.add(entry.name, entry.value.as_string());
    }
}

void write_result(bytes document, byte_buffer& out) {
    copy_document(document, out, [](const bson::element& e) {
        return e.name != "ok" && e.name != "operationTime" && !e.name.starts_with('$');
    });
}

} // namespace oocrpc::mongodb
