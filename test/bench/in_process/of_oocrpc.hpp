#pragma once
// The BSON benchmarks with the library's own layer.

#include <oocrpc/bson_value.hpp>
#include <oocrpc/native_codec.hpp>

#include "documents.hpp"

namespace bench {

struct of_oocrpc {
    static constexpr const char* name = "oocrpc";
    using document = oocrpc::byte_buffer;

    static bool validate(oocrpc::bytes in) { return !oocrpc::bson::validate(in); }

    static call read_call(oocrpc::bytes in) {
        require(validate(in), "not valid");
        call c;
        for (const auto& e : oocrpc::bson::elements(in))
            if (e.name == "call")
                read_inner(e.value, c);
            else if (e.name == "id")
                c.id = e.value.as_int64();
        return c;
    }

    static std::vector<item> read_items(oocrpc::bytes in) {
        require(validate(in), "not valid");
        std::vector<item> all;
        oocrpc::bson::read_error e;
        const auto found = oocrpc::bson::find(in, "items");
        require(found && oocrpc::bson::get(*found, all, e), "no items");
        return all;
    }

    static std::string read_text(oocrpc::bytes in) {
        require(validate(in), "not valid");
        return std::string(oocrpc::bson::find(in, "text")->as_string());
    }

    static void write(document& out, const call& c) {
        out.clear();
        oocrpc::bson::document_writer whole(out), inner(whole, "call");
        inner.add("funcname", c.method);
        oocrpc::bson::array_writer arguments(inner, "arguments");
        arguments.add(c.a);
        arguments.add(c.b);
        arguments.finish();
        inner.finish();
        whole.add("id", c.id);
        whole.finish();
    }
    static void write(document& out, const std::vector<item>& all) {
        out.clear();
        oocrpc::bson::document_writer whole(out);
        whole.add("items", all);
        whole.finish();
    }
    static void write(document& out, const std::string& text) {
        out.clear();
        oocrpc::bson::document_writer whole(out);
        whole.add("text", text);
        whole.finish();
    }
    static oocrpc::bytes content(const document& d) { return d; }

  private:
    static void read_inner(oocrpc::bson::value_view v, call& c) {
        for (const auto& e : oocrpc::bson::elements(v.as_document()))
            if (e.name == "funcname") {
                c.method = e.value.as_string();
            } else if (e.name == "arguments") {
                oocrpc::bson::read_error error;
                auto sums = std::tie(c.a, c.b);
                require(oocrpc::bson::get(e.value, sums, error), "no two ints");
            }
    }
};

/// What client and server do: the frame is validated and taken apart in one pass.
struct of_native_codec {
    static constexpr const char* name = "native codec";
    using document = oocrpc::byte_buffer;

    static call read_call(oocrpc::bytes in) {
        oocrpc::native_codec codec;
        oocrpc::message m;
        require(codec.decode(in, m).what == oocrpc::decoded::state::message, "not valid");
        call c;
        c.method = m.method;
        c.id = m.id;
        auto sums = std::tie(c.a, c.b);
        oocrpc::bson::read_error error;
        require(oocrpc::bson::get(m.body, sums, error), "no two ints");
        return c;
    }

    static void write(document& out, const call& c) {
        out.clear();
        oocrpc::small_buffer<64> body;
        oocrpc::bson::array_writer arguments(body);
        arguments.add(c.a);
        arguments.add(c.b);
        arguments.finish();
        auto m = oocrpc::message::call(c.method, {oocrpc::bson::type::array, body});
        m.id = c.id;
        oocrpc::native_codec codec;
        require(codec.encode(m, out) == oocrpc::encoded::done, "not written");
    }
};

} // namespace bench
