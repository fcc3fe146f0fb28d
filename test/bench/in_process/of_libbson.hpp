#pragma once
// The BSON benchmarks with libbson, used as its documentation advises for speed: documents that
// are read are not copied, iterators go over each element once.

#include <span>

#include <bson/bson.h>

#include "documents.hpp"

namespace bench {

struct of_libbson {
    static constexpr const char* name = "libbson";

    class document {
      public:
        document() { bson_init(&b); }
        ~document() { bson_destroy(&b); }
        document(const document&) = delete;
        bson_t b;
    };

    /// As strict as ours: NUL is a character of UTF-8.
    static bool validate(std::span<const std::uint8_t> in) {
        bson_t b;
        return bson_init_static(&b, in.data(), in.size()) &&
               bson_validate(&b, flags(BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL),
                             nullptr);
    }

    static call read_call(std::span<const std::uint8_t> in) {
        require(validate(in), "not valid");
        call c;
        bson_iter_t i, inner;
        for (begin(i, in); bson_iter_next(&i);)
            if (is(i, "call") && bson_iter_recurse(&i, &inner))
                read_inner(inner, c);
            else if (is(i, "id") && BSON_ITER_HOLDS_INT64(&i))
                c.id = bson_iter_int64(&i);
        return c;
    }

    static std::vector<item> read_items(std::span<const std::uint8_t> in) {
        require(validate(in), "not valid");
        std::vector<item> all;
        bson_iter_t i, at, fields;
        begin(i, in);
        require(bson_iter_find(&i, "items") && bson_iter_recurse(&i, &at), "no items");
        while (bson_iter_next(&at)) {
            require(bson_iter_recurse(&at, &fields), "no item");
            while (bson_iter_next(&fields)) read_field(fields, all, is(fields, "number"));
        }
        return all;
    }

    static std::string read_text(std::span<const std::uint8_t> in) {
        require(validate(in), "not valid");
        bson_iter_t i;
        begin(i, in);
        require(bson_iter_find(&i, "text") && BSON_ITER_HOLDS_UTF8(&i), "no text");
        return text(i);
    }

    static void write(document& out, const call& c) {
        bson_reinit(&out.b);
        bson_t inner, arguments;
        BSON_APPEND_DOCUMENT_BEGIN(&out.b, "call", &inner);
        bson_append_utf8(&inner, "funcname", 8, c.method.data(), static_cast<int>(c.method.size()));
        BSON_APPEND_ARRAY_BEGIN(&inner, "arguments", &arguments);
        BSON_APPEND_INT32(&arguments, "0", c.a);
        BSON_APPEND_INT32(&arguments, "1", c.b);
        bson_append_array_end(&inner, &arguments);
        bson_append_document_end(&out.b, &inner);
        BSON_APPEND_INT64(&out.b, "id", c.id);
    }
    static void write(document& out, const std::vector<item>& all) {
        bson_reinit(&out.b);
        bson_t items, one;
        BSON_APPEND_ARRAY_BEGIN(&out.b, "items", &items);
        for (std::uint32_t i = 0; i < all.size(); ++i) {
            const index at(i);
            bson_append_document_begin(&items, at.text, at.length, &one);
            write(one, all[i]);
            bson_append_document_end(&items, &one);
        }
        bson_append_array_end(&out.b, &items);
    }
    static void write(document& out, const std::string& text) {
        bson_reinit(&out.b);
        bson_append_utf8(&out.b, "text", 4, text.data(), static_cast<int>(text.size()));
    }
    static std::span<const std::uint8_t> content(const document& d) {
        return {bson_get_data(&d.b), d.b.len};
    }

  private:
    struct index {
        explicit index(std::uint32_t i)
            : length(static_cast<int>(bson_uint32_to_string(i, &text, space, sizeof space))) {}
        const char* text = nullptr;
        char space[16];
        int length;
    };

    static bson_validate_flags_t flags(int all) { return static_cast<bson_validate_flags_t>(all); }
    static void begin(bson_iter_t& i, std::span<const std::uint8_t> in) {
        require(bson_iter_init_from_data(&i, in.data(), in.size()), "no document");
    }
    static bool is(const bson_iter_t& i, std::string_view key) { return bson_iter_key(&i) == key; }
    static std::string text(const bson_iter_t& i) {
        std::uint32_t length = 0;
        const char* at = bson_iter_utf8(&i, &length);
        return {at, length};
    }

    static void read_inner(bson_iter_t& i, call& c) {
        while (bson_iter_next(&i))
            if (is(i, "funcname") && BSON_ITER_HOLDS_UTF8(&i)) {
                std::uint32_t length = 0;
                const char* at = bson_iter_utf8(&i, &length);
                c.method = {at, length};
            } else if (is(i, "arguments")) {
                bson_iter_t v;
                require(bson_iter_recurse(&i, &v), "no array");
                require(bson_iter_next(&v) && BSON_ITER_HOLDS_INT32(&v), "no int");
                c.a = bson_iter_int32(&v);
                require(bson_iter_next(&v) && BSON_ITER_HOLDS_INT32(&v), "no int");
                c.b = bson_iter_int32(&v);
                require(!bson_iter_next(&v), "more than two");
            }
    }

    static void read_field(bson_iter_t& i, std::vector<item>& all, bool first) {
        if (first) all.emplace_back().number = bson_iter_int32(&i);
        auto& one = all.back();
        if (is(i, "name"))
            one.name = text(i);
        else if (is(i, "price"))
            one.price = bson_iter_double(&i);
        else if (is(i, "in_stock"))
            one.in_stock = bson_iter_bool(&i);
        else if (bson_iter_t v; is(i, "sizes") && bson_iter_recurse(&i, &v))
            while (bson_iter_next(&v)) one.sizes.push_back(bson_iter_int32(&v));
    }

    static void write(bson_t& out, const item& one) {
        BSON_APPEND_INT32(&out, "number", one.number);
        bson_append_utf8(&out, "name", 4, one.name.data(), static_cast<int>(one.name.size()));
        BSON_APPEND_DOUBLE(&out, "price", one.price);
        BSON_APPEND_BOOL(&out, "in_stock", one.in_stock);
        bson_t sizes;
        BSON_APPEND_ARRAY_BEGIN(&out, "sizes", &sizes);
        for (std::uint32_t i = 0; i < one.sizes.size(); ++i) {
            const index at(i);
            bson_append_int32(&sizes, at.text, at.length, one.sizes[i]);
        }
        bson_append_array_end(&out, &sizes);
    }
};

} // namespace bench
