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

void add_section(bson::document_writer& doc, const section& s) {
    bson::array_writer array(doc, s.name);
    for (const bytes d : documents(s.documents)) array.add(value_view{type::document, d});
    array.finish();
}

} // namespace

void command_reader::max_time(value_view v) {
    const auto ms = lenient_integer(v);
    if (!ms || *ms < 0)
        out_.wrong = "maxTimeMS: expected a number of milliseconds";
    else
        out_.max_time = *ms ? *ms : -1;
}

void command_reader::read(const bson::element& e) {
    if (!why_.empty()) return;
    if (first_) {
        if (e.name.empty() || e.name[0] == '$') why_ = "the first key is no command";
        out_.name = e.name;
        out_.value = e.value;
        first_ = false;
    } else if (is(e.name, "$db")) {
        if (e.value.t == type::string)
            out_.database = e.value.as_string();
        else
            why_ = "$db is no string";
    } else if (is(e.name, "maxTimeMS")) {
        max_time(e.value);
    } else if (is(e.name, "$oocrpc")) {
        if (present(extras_)) why_ = "$oocrpc stands there twice";
        extras_ = e.value; // what it holds is validated later
    } else if (!is_generic_key(e.name)) {
        out_.further = true;
        if (is(e.name, "batchSize")) batch_ = lenient_integer(e.value).value_or(0);
    }
}

std::string command_reader::end() {
    if (first_) why_ = "a document without keys is no command";
    if (!why_.empty()) return std::string(why_);
    if (present(extras_)) out_.wrong += read_extras(extras_, out_);
    if (out_.credit == 0 && batch_ > 0 && batch_ <= INT32_MAX && !is_mark(out_.value))
        out_.credit = static_cast<std::int32_t>(batch_);
    return {};
}

std::string read_command(bytes document, command& out) {
    command_reader reader(out);
    for (const auto& e : bson::elements(document)) reader.read(e);
    return reader.end();
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
