#include <oocrpc/bson_json.hpp>

#include "bson_decimal.hpp"
#include "bson_text.hpp"

#include <cmath>

namespace oocrpc::bson {
namespace {

using detail::load_le;

// Writes one value after another. The recursion ends, because validated documents end.
class writer {
  public:
    explicit writer(json_mode mode) : canonical_(mode == json_mode::canonical) {}

    void write(value_view v);
    std::string take() { return std::move(out_); }

  private:
    void quote(std::string_view text);
    void escape(char c);

    // A wrapper around a text that needs no escapes.
    void wrap(std::string_view key, std::string_view text) {
        out_.append("{\"").append(key).append("\":\"").append(text).append("\"}");
    }
    void wrap_string(std::string_view key, std::string_view text) {
        out_.append("{\"").append(key).append("\":");
        quote(text);
        out_ += '}';
    }
    void integer(std::string_view key, std::int64_t n) {
        if (canonical_)
            wrap(key, std::to_string(n));
        else
            out_ += std::to_string(n);
    }
    void document(bytes data) {
        char separator = '{';
        for (auto& [name, v] : elements(data)) {
            out_ += separator;
            separator = ',';
            quote(name);
            out_ += ':';
            write(v);
        }
        out_ += separator == '{' ? "{}" : "}";
    }
    void array(bytes data) {
        char separator = '[';
        for (auto& e : elements(data)) {
            out_ += separator;
            separator = ',';
            write(e.value);
        }
        out_ += separator == '[' ? "[]" : "]";
    }
    void real(double d) {
        if (canonical_ || !std::isfinite(d))
            wrap("$numberDouble", double_to_text(d));
        else
            out_ += double_to_text(d);
    }
    void date(std::int64_t milliseconds) {
        auto text = canonical_ ? std::nullopt : date_to_text(milliseconds);
        if (text) return wrap("$date", *text);
        out_ += "{\"$date\":";
        wrap("$numberLong", std::to_string(milliseconds));
        out_ += '}';
    }
    void binary(binary_view b) {
        out_.append("{\"$binary\":{\"base64\":\"").append(to_base64(b.data));
        out_.append("\",\"subType\":\"").append(to_hex({&b.subtype, 1})).append("\"}}");
    }
    void regex(bytes data) {
        std::string_view pattern(reinterpret_cast<const char*>(data.data()));
        std::string_view options(pattern.data() + pattern.size() + 1);
        out_ += "{\"$regularExpression\":{\"pattern\":";
        quote(pattern);
        out_ += ",\"options\":";
        quote(in_order(options));
        out_ += "}}";
    }
    void timestamp(bytes data) {
        out_.append("{\"$timestamp\":{\"t\":");
        out_.append(std::to_string(load_le<std::uint32_t>(data.data() + 4)));
        out_.append(",\"i\":").append(std::to_string(load_le<std::uint32_t>(data.data())));
        out_.append("}}");
    }
    void pointer(bytes data) {
        out_ += "{\"$dbPointer\":{\"$ref\":";
        quote(value_view{type::string, data.first(data.size() - 12)}.as_string());
        out_ += ",\"$id\":";
        wrap("$oid", to_hex(data.last(12)));
        out_ += "}}";
    }
    void scoped(bytes data) {
        auto code = data.subspan(4, 4 + load_le<std::uint32_t>(data.data() + 4));
        out_ += "{\"$code\":";
        quote(value_view{type::code, code}.as_string());
        out_ += ",\"$scope\":";
        document(data.subspan(4 + code.size()));
        out_ += '}';
    }

    bool canonical_;
    std::string out_;
};

void writer::escape(char c) {
    constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
    if (auto i = plain.find(c); i != plain.npos) {
        out_ += '\\';
        out_ += letters[i];
    } else {
        auto byte = static_cast<std::uint8_t>(c);
        out_.append("\\u00").append(to_hex({&byte, 1}));
    }
}

void writer::quote(std::string_view text) {
    if (!is_utf8(text)) {
        out_ += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
        return;
    }
    out_ += '"';
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (static_cast<unsigned char>(text[i]) >= 0x20 && text[i] != '"' && text[i] != '\\')
            continue;
        out_.append(text, done, i - done);
        escape(text[i]);
        done = i + 1;
    }
    out_.append(text, done).push_back('"');
}

void writer::write(value_view v) {
    switch (v.t) {
    case type::float64:
        return real(v.as_double());
    case type::string:
        return quote(v.as_string());
    case type::document:
        return document(v.data);
    case type::array:
        return array(v.data);
    case type::binary:
        return binary(v.as_binary());
    case type::undefined:
        out_ += R"({"$undefined":true})";
        return;
    case type::object_id:
        return wrap("$oid", to_hex(v.data));
    case type::boolean:
        out_ += v.as_bool() ? "true" : "false";
        return;
    case type::datetime:
        return date(v.as_int64());
    case type::null:
        out_ += "null";
        return;
    case type::regex:
        return regex(v.data);
    case type::db_pointer:
        return pointer(v.data);
    case type::code:
        return wrap_string("$code", v.as_string());
    case type::symbol:
        return wrap_string("$symbol", v.as_string());
    case type::code_with_scope:
        return scoped(v.data);
    case type::int32:
        return integer("$numberInt", v.as_int32());
    case type::timestamp:
        return timestamp(v.data);
    case type::int64:
        return integer("$numberLong", v.as_int64());
    case type::decimal128:
        return wrap("$numberDecimal",
                    to_text(decimal128{load_le<std::uint64_t>(v.data.data()),
                                       load_le<std::uint64_t>(v.data.data() + 8)}));
    case type::max_key:
        out_ += R"({"$maxKey":1})";
        return;
    case type::min_key:
        out_ += R"({"$minKey":1})";
        return;
    }
    out_ += "null";
}

} // namespace

std::string to_text(value_view v, json_mode mode) {
    writer w(mode);
    w.write(v);
    return w.take();
}

} // namespace oocrpc::bson
