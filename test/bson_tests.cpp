#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

#include "support/bson_samples.hpp"
#include "support/test.hpp"

#include <set>

using namespace bson_samples;
namespace bson = oocrpc::bson;

TEST_SUITE_BEGIN("bson");

TEST_CASE("a document of all types is valid and its elements come in order") {
    auto d = all_types();
    CHECK(fault_of(d) == "");
    CHECK(fault_of(document({})) == "");
    std::set<bson::type> types;
    std::vector<std::string> names;
    for (bson::element e : bson::elements(d)) {
        types.insert(e.value.t);
        names.emplace_back(e.name);
        if (e.name != "binary2") CHECK(std::string(bson::to_string(e.value.t)).size() > 2);
    }
    CHECK(types.size() == 21);
    CHECK(names.size() == 22);
    CHECK(names.front() == "float64");
    CHECK(names.back() == "min_key");
}

TEST_CASE("keys of every length are read, wherever the document ends behind them") {
    for (std::size_t length = 0; length <= 20; ++length)
        for (std::size_t behind = 0; behind <= 10; ++behind)
            for (std::size_t special = 0; special <= length; ++special) {
                std::string key(length, 'k');
                if (special < length) key.replace(special, 1, "ü");
                CAPTURE(key);
                CAPTURE(behind);
                const auto value = string(std::string(behind, 'v'));
                const auto d = behind ? document({element(0x02, key, value)})
                                      : document({element(0x0a, key, {})});
                REQUIRE(fault_of(d) == "");
                const auto only = *bson::elements(d).begin();
                CHECK(only.name == key);
                if (behind) CHECK(only.value.as_string() == std::string(behind, 'v'));
                CHECK(++bson::elements(d).begin() == std::default_sentinel);
                if (special == length) continue;
                key.resize(special + 1); // the first byte of two
                CHECK(fault_of(document({element(0x0a, key, {})})) ==
                      std::to_string(5 + special) + ": key is not UTF-8");
            }
}

TEST_CASE("the accessors read what the bytes say") {
    auto d = all_types();
    auto at = [&](std::string_view name) { return *bson::find(d, name); };
    CHECK(at("float64").as_double() == 1.5);
    CHECK(at("string").as_string().size() == 10);
    CHECK(at("int32").as_int32() == -2);
    CHECK(at("int64").as_int64() == 5);
    CHECK(at("datetime").as_int64() == 1356351330501);
    CHECK(at("boolean").as_bool());
    CHECK(at("code").as_string() == "f()");
    CHECK(at("symbol").as_string() == "sym");
    CHECK(at("binary").as_binary().subtype == 0x80);
    CHECK(at("binary").as_binary().data.size() == 3);
    CHECK(at("binary2").as_binary().data.size() == 2);
    CHECK(bson::find(at("document").as_document(), "x")->as_int32() == 1);
    CHECK(at("null").data.empty());
    CHECK_FALSE(bson::find(d, "nope"));
    CHECK_FALSE(bson::find({}, "nope"));
    CHECK(at("int32") == at("int32"));
    CHECK_FALSE(at("null") == at("undefined"));
    CHECK_FALSE(at("int64") == at("datetime"));
}

TEST_CASE("a document that is cut off anywhere has a fault, also when its length is corrected") {
    auto d = all_types();
    for (std::size_t n = 0; n < d.size(); ++n) {
        raw cut(d.begin(), d.begin() + static_cast<std::ptrdiff_t>(n));
        CAPTURE(n);
        CHECK(fault_of(cut) != "");
        if (n < 4) continue;
        auto length = number(n, 4);
        std::copy(length.begin(), length.end(), cut.begin());
        // What ends between two elements lacks only its NUL.
        CHECK(fault_of(cut) != "");
        auto closed = cut + raw{0};
        closed[0] = static_cast<std::uint8_t>(closed.size());
        closed[1] = static_cast<std::uint8_t>(closed.size() >> 8);
        fault_of(closed); // sanitizers watch; between two elements this one is valid
    }
}

TEST_CASE("no single changed byte makes the validator or a reader leave the document") {
    auto d = all_types();
    std::size_t valid = 0, copied = 0;
    for (std::size_t at = 0; at < d.size(); ++at) {
        for (int bit = 0; bit < 256; ++bit) {
            auto changed = d;
            changed[at] = static_cast<std::uint8_t>(bit);
            if (bson::validate(changed)) continue;
            ++valid;
            oocrpc::byte_buffer copy;
            bson::document_writer writer(copy);
            for (auto& e : bson::elements(changed)) writer.add(e.name, e.value);
            writer.finish();
            copied += std::ranges::equal(oocrpc::bytes(copy), changed);
        }
    }
    CHECK(valid > 10000);
    CHECK(copied == valid);
}

TEST_CASE("every length that is flipped is a fault with its offset") {
    auto d = all_types();
    struct length_at {
        std::string_view name;
        std::size_t inner;
    };
    for (auto [name, inner] : {length_at{"string", 0},
                               {"document", 0},
                               {"array", 0},
                               {"binary", 0},
                               {"binary2", 0},
                               {"binary2", 5},
                               {"db_pointer", 0},
                               {"code", 0},
                               {"symbol", 0},
                               {"code_with_scope", 0},
                               {"code_with_scope", 4},
                               {"code_with_scope", 12}}) {
        auto v = *bson::find(d, name);
        auto at = static_cast<std::size_t>(v.data.data() - d.data()) + inner;
        auto length = bson::detail::load_le<std::int32_t>(d.data() + at);
        for (std::int64_t wrong : {0ll, -1ll, 4ll, 0x7fffffffll, -0x80000000ll, length + 1ll,
                                   length - 1ll, length + 1000ll}) {
            auto changed = d;
            auto bytes = number(static_cast<std::uint64_t>(wrong), 4);
            std::copy(bytes.begin(), bytes.end(),
                      changed.begin() + static_cast<std::ptrdiff_t>(at));
            CAPTURE(name);
            CAPTURE(wrong);
            CHECK((wrong == length || fault_of(changed) != ""));
        }
    }
}

TEST_CASE("each fault has its text and its offset") {
    CHECK(fault_of({}) == "0: document is cut off");
    CHECK(fault_of({5, 0, 0, 0}) == "0: document is cut off");
    CHECK(fault_of({4, 0, 0, 0, 0}) == "0: document length is below 5");
    CHECK(fault_of({6, 0, 0, 0, 0}) == "0: document length exceeds the bytes given");
    CHECK(fault_of({0xff, 0xff, 0xff, 0x7f, 0}) == "0: document length exceeds the bytes given");
    CHECK(fault_of({0xff, 0xff, 0xff, 0xff, 0}) == "0: document length is below 5");
    CHECK(fault_of({5, 0, 0, 0, 0, 0}) == "0: document length is not the number of bytes given");
    CHECK(fault_of({5, 0, 0, 0, 1}) == "4: document does not end with NUL");
    CHECK(fault_of(document({raw{0}})) == "4: document ends before its length");
    CHECK(fault_of(document({raw{0x10, 'a'}})) == "5: key is not terminated");
    CHECK(fault_of(document({raw{0x10}})) == "5: key is not terminated");
    auto one = [](std::uint8_t type, const raw& value) {
        return fault_of(document({element(type, "a", value)}));
    };
    CHECK(one(0x14, {}) == "4: unknown type");
    CHECK(one(0x80, {}) == "4: unknown type");
    CHECK(one(0x10, {1, 2, 3}) == "7: value is cut off");
    CHECK(one(0x01, {1, 2, 3}) == "7: value is cut off");
    CHECK(one(0x08, {2}) == "7: boolean is neither 0 nor 1");
    CHECK(one(0x08, {}) == "7: value is cut off");
    CHECK(one(0x02, number(0, 4) + raw{0}) == "7: string length is below 1");
    CHECK(one(0x02, number(3, 4) + raw{'a', 0}) == "7: string length exceeds its document");
    CHECK(one(0x02, number(2, 4) + raw{'a', 'b'}) == "12: string does not end with NUL");
    CHECK(one(0x02, number(0xffffffff, 4) + raw{0}) == "7: string length is below 1");
    CHECK(one(0x02, {1, 0}) == "7: string is cut off");
    CHECK(one(0x02, string("ab\xff")) == "13: string is not UTF-8");
    CHECK(one(0x05, number(0xffffffff, 4) + raw{0}) == "7: binary length is negative");
    CHECK(one(0x05, number(1, 4) + raw{0}) == "7: binary length exceeds its document");
    CHECK(one(0x05, {0, 0}) == "7: binary is cut off");
    CHECK(one(0x05, number(3, 4) + raw{2, 0, 0, 0}) ==
          "12: inner length of binary subtype 2 is wrong");
    CHECK(one(0x0b, text("abc")) == "7: regex is not terminated");
    CHECK(one(0x0b, cstring("abc") + text("i")) == "11: regex options are not terminated");
    CHECK(one(0x0b, cstring("\x80") + cstring("")) == "7: regex is not UTF-8");
    CHECK(one(0x0b, cstring("a") + cstring("\xc3")) == "9: regex options are not UTF-8");
    CHECK(one(0x03, number(6, 4) + raw{0}) == "7: document length exceeds its parent");
    CHECK(one(0x03, {5, 0, 0, 0}) == "7: document is cut off");
    CHECK(one(0x0c, string("x") + raw{1, 2}) == "13: value is cut off");
    CHECK(one(0x0f, number(13, 4) + raw(9)) == "7: code with scope is cut off");
    CHECK(one(0x0f, number(13, 4) + raw(10)) == "7: code with scope length is below 14");
    CHECK(one(0x0f, number(15, 4) + string("") + document({})) ==
          "7: code with scope length exceeds its document");
    CHECK(one(0x0f, number(15, 4) + string("") + document({}) + raw{0x0a, 'b', 0}) ==
          "7: scope does not fill the length of code with scope");
    CHECK(one(0x0f, number(14, 4) + string("0123456789") + document({})) ==
          "7: code exceeds the length of code with scope");
    CHECK(fault_of(document({element(0x0a, "k\xed\xa0\x80", {})})) == "6: key is not UTF-8");
}

TEST_CASE("a depth of 100 is valid, 101 is not, and a million nested documents cost no stack") {
    auto nested = [](std::size_t depth, std::uint8_t type) {
        // From the outside in: each level is a length, and an element around the next level.
        raw out;
        for (std::size_t left = depth; left > 1; --left) {
            auto n = 5 + 8 * (left - 1);
            for (int shift = 0; shift < 32; shift += 8)
                out.push_back(static_cast<std::uint8_t>(n >> shift));
            out.insert(out.end(), {type, 'a', 0});
        }
        out.insert(out.end(), {5, 0, 0, 0});
        out.resize(out.size() + depth, 0);
        return out;
    };
    for (std::uint8_t type : {0x03, 0x04}) {
        CHECK(fault_of(nested(100, type)) == "");
        CHECK(fault_of(nested(101, type)) == "700: documents are nested too deeply");
        CHECK(fault_of(nested(200, type), 1000) == "");
        CHECK(fault_of(nested(201, type), 1000) == "1400: documents are nested too deeply");
    }
    CHECK(fault_of(nested(1000000, 0x03)) == "700: documents are nested too deeply");
    CHECK(fault_of(document({}), 0) == "0: documents are nested too deeply");
    auto scope = document({});
    for (int i = 0; i < 99; ++i) scope = document({element(0x0f, "a", scoped("", scope))});
    CHECK(fault_of(scope) == "");
    CHECK(fault_of(document({element(0x0f, "a", scoped("", scope))})) != "");
}

// The definition in RFC 3629, by decoding: slow and plain.
bool decodes(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
        auto lead = static_cast<unsigned char>(s[i]);
        unsigned n = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : 4;
        if (n == 4 && lead >> 3 != 30) return false;
        if (i + n > s.size()) return false;
        char32_t c = n == 1 ? lead : lead & (0x7fu >> n);
        for (unsigned k = 1; k < n; ++k) {
            auto next = static_cast<unsigned char>(s[i + k]);
            if (next >> 6 != 2) return false;
            c = c << 6 | (next & 63u);
        }
        constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
        i += n;
    }
    return true;
}

TEST_CASE("UTF-8 is judged as a plain decoder does, wherever in a text it stands") {
    CHECK(bson::is_utf8(""));
    std::mt19937 random(1);
    constexpr std::uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                      0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0,
                                      0xf1, 0xf3, 0xf4, 0xf5, 0xff, 'a'};
    std::size_t good = 0, wrong = 0;
    for (auto a : edges)
        for (auto b : edges)
            for (auto c : edges)
                for (auto d : edges) {
                    std::string s(random() % 40, 'x');
                    for (auto byte : {a, b, c, d}) s += static_cast<char>(byte);
                    s.append(random() % 9, 'y');
                    auto expected = decodes(s);
                    good += expected;
                    wrong += bson::is_utf8(s) != expected;
                }
    CHECK(wrong == 0);
    CHECK(good > 1000);
    // Keys take another way through the validator than strings do.
    for (int i = 0; i < 20000; ++i) {
        std::string s(random() % 12, 'k');
        for (int n = 0; n < 4; ++n) s += static_cast<char>(edges[1 + random() % 21]);
        s.append(random() % 12, 'k');
        wrong += (fault_of(document({element(0x0a, s, {})})) == "") != decodes(s);
    }
    CHECK(wrong == 0);
}

TEST_CASE("the writer nests documents and arrays behind bytes that are already there") {
    oocrpc::byte_buffer out;
    out.append("head");
    bson::document_writer top(out);
    top.add("a", std::int32_t{1});
    {
        bson::document_writer inner(top, "b");
        inner.add("c", "text");
        bson::array_writer list(inner, "d");
        list.add(std::int64_t{2});
        bson::document_writer item(list);
        item.finish();
        bson::array_writer sub(list);
        for (int i = 0; i < 11; ++i) sub.add(i);
        sub.finish();
        list.finish();
        inner.finish();
    }
    top.add("e", bson::value_view{});
    auto length = top.finish();
    CHECK(length == out.size() - 4);
    raw made(out.data() + 4, out.data() + out.size());
    raw eleven;
    for (int i = 0; i < 11; ++i)
        eleven = eleven + element(0x10, std::to_string(i), number(static_cast<unsigned>(i), 4));
    CHECK(
        made ==
        document({element(0x10, "a", number(1, 4)),
                  element(0x03, "b",
                          document({element(0x02, "c", string("text")),
                                    element(0x04, "d",
                                            document({element(0x12, "0", number(2, 8)),
                                                      element(0x03, "1", document({})),
                                                      element(0x04, "2", document({eleven}))}))})),
                  element(0x0a, "e", {})}));
    CHECK(fault_of(made) == "");
}

TEST_CASE("a key that would break the document is refused") {
    oocrpc::byte_buffer out;
    bson::document_writer writer(out);
    using namespace std::literals;
    CHECK_THROWS_AS(writer.add("a\0b"sv, 1), oocrpc::rpc_error);
    CHECK_THROWS_AS(writer.add("a\xff", 1), oocrpc::rpc_error);
    CHECK_THROWS_AS(writer.add("a\xff", bson::value_view{}), oocrpc::rpc_error);
    CHECK_NOTHROW(writer.add({}, 1));
}

TEST_CASE("a nested document keeps its type wherever its name makes the buffer grow") {
    for (std::size_t before = 0; before < 200; ++before) {
        oocrpc::byte_buffer out;
        out.append(std::string(before, 'x'));
        bson::document_writer top(out);
        {
            bson::document_writer inner(top, "a name of some length");
            inner.finish();
        }
        bson::array_writer list(top, "another name");
        list.finish();
        top.finish();
        auto document = oocrpc::bytes(out).subspan(before);
        REQUIRE(!bson::validate(document));
        CHECK(bson::find(document, "a name of some length")->t == bson::type::document);
        CHECK(bson::find(document, "another name")->t == bson::type::array);
    }
}

TEST_CASE("an owned value is independent of the document it was taken from") {
    auto d = all_types();
    bson::value v(*bson::find(d, "string")), copy = v;
    d.assign(d.size(), 0);
    CHECK(copy == v);
    CHECK(bson::value_view(v).as_string().starts_with("a"));
    CHECK(bson::value().t == bson::type::null);
}

static_assert(std::forward_iterator<bson::elements::iterator>);

TEST_SUITE_END();
