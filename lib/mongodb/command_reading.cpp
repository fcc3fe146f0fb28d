#include "command_reading.hpp"

#include <utility>

#include <oocrpc/bson_value.hpp>

#include "command_names.hpp"
#include "elements.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

using bson::type;
using bson::value_view;

/// 1, 1.0, true and null: the arguments are the further keys, or there are none.
bool is_mark(value_view v) noexcept {
    if (v.t == type::null) return true;
    if (v.t == type::boolean) return v.as_bool();
    if (v.t == type::int32) return v.as_int32() == 1;
    if (v.t == type::int64) return v.as_int64() == 1;
    return v.t == type::float64 && v.as_double() == 1.0;
}

std::string read_extras(value_view v, command& out) {
    if (v.t != type::document) return "$oocrpc is no document";
    for (const auto& e : bson::elements(v.as_document())) {
        if (e.name == "stream") {
            if (e.value.t != type::int32 || e.value.as_int32() < 1)
                return "$oocrpc.stream is no int32 above 0";
            out.credit = e.value.as_int32();
        } else if (e.name == "meta") {
            if (e.value.t != type::document) return "$oocrpc.meta is no document";
            for (const auto& entry : bson::elements(e.value.as_document()))
                if (entry.value.t != type::string)
                    return "$oocrpc.meta: " + quoted(entry.name) + " is no string";
            out.meta = e.value.as_document();
        }
    }
    return {};
}

std::string read_generic(const bson::element& e, command& out) {
    if (e.name == "$db") {
        if (e.value.t != type::string) return "$db is no string";
        out.database = e.value.as_string();
    } else if (e.name == "maxTimeMS") {
        const auto ms = lenient_integer(e.value);
        if (!ms || *ms < 0)
            out.wrong = "maxTimeMS: expected a number of milliseconds";
        else
            out.max_time = *ms ? *ms : -1;
    } else if (e.name == "$oocrpc") {
        out.wrong += read_extras(e.value, out);
    }
    return {};
}

void add_section(bson::document_writer& doc, const section& s) {
    bson::array_writer array(doc, s.name);
    for (const bytes d : documents(s.documents)) array.add(value_view{type::document, d});
    array.finish();
}

} // namespace

std::string read_command(bytes document, command& out) {
    bool first = true;
    std::int64_t batch = 0;
    for (const auto& e : bson::elements(document)) {
        if (first) {
            if (e.name.empty() || e.name[0] == '$') return "the first key is no command";
            out.name = e.name;
            out.value = e.value;
            first = false;
        } else if (is_generic_key(e.name)) {
            if (auto why = read_generic(e, out); !why.empty()) return why;
        } else {
            out.further = true;
            if (e.name == "batchSize") batch = lenient_integer(e.value).value_or(0);
        }
    }
    if (out.credit == 0 && batch > 0 && batch <= INT32_MAX && !is_mark(out.value))
        out.credit = static_cast<std::int32_t>(batch);
    return first ? "a document without keys is no command" : "";
}

void merge(bytes document, std::span<const section> sections, byte_buffer& out) {
    bson::document_writer doc(out);
    out.append(elements_of(document));
    for (const auto& s : sections) add_section(doc, s);
    doc.finish();
}

value_view arguments(const command& c, bytes document, std::span<const section> sections,
                     byte_buffer& scratch) {
    if (!is_mark(c.value)) return c.value;
    if (!c.further && sections.empty()) return absent;
    const auto start = scratch.size();
    bson::document_writer doc(scratch);
    bool first = true;
    copy_elements(document, scratch, [&](const bson::element& e) {
        return !std::exchange(first, false) && !is_generic_key(e.name);
    });
    for (const auto& s : sections) add_section(doc, s);
    doc.finish();
    return {type::document, bytes(scratch).subspan(start)};
}

void read_meta(const command& c, metadata& out) {
    for (const auto& e : bson::elements(c.meta)) out.add(e.name, e.value.as_string());
}

} // namespace oocrpc::mongodb
