#include "support/mongodb.hpp"
#include "support/test.hpp"

#include "../lib/mongodb/crc32c.hpp"
#include "../lib/mongodb/wire.hpp"

#include <oocrpc/error.hpp>

using namespace oocrpc;
using namespace oocrpc::mongodb;
namespace t = oocrpc::test::mongodb;

namespace {

/// A copy of exactly that size, so that a sanitizer sees a read behind the end.
std::vector<std::uint8_t> exact(std::string_view data) {
    return {data.begin(), data.end()};
}
/// Why these bytes are refused; empty where they are not.
template <class T> std::string reason(std::string_view data) {
    const auto copy = exact(data);
    T m;
    return parse(copy, m);
}
template <class T> bool says(std::string_view data, std::string_view what) {
    const auto why = reason<T>(data);
    const bool found = why.find(what) != why.npos;
    if (!found) MESSAGE(why);
    return found;
}
std::string with_checksum(std::string_view sections, std::uint32_t change = 0) {
    auto m = t::message(2013, t::int32(1) + std::string(sections) + t::int32(0));
    const auto covered = t::view(m).first(m.size() - 4);
    m.replace(m.size() - 4, 4, t::int32(crc32c(covered) ^ change));
    return m;
}
/// Cuts `data` at every place, with the length of the header mended, and flips every byte.
template <class T> void torture(const std::string& data) {
    for (std::size_t n = header_size; n < data.size(); ++n) {
        auto cut = data.substr(0, n);
        cut.replace(0, 4, t::int32(static_cast<std::int64_t>(n)));
        reason<T>(cut);
    }
    for (std::size_t i = header_size; i < data.size(); ++i)
        for (const int change : {0x01, 0x80, 0xff}) {
            auto other = data;
            other[i] = static_cast<char>(other[i] ^ change);
            const auto copy = exact(other);
            T m;
            parse(copy, m); // may be right or wrong, but reads nothing beyond
        }
}

const std::string add = R"({"add": [2, 3], "$db": "demo"})";

} // namespace

TEST_SUITE("mongodb_wire") {

TEST_CASE("CRC-32C has the sums that RFC 3720 gives") {
    CHECK(crc32c(t::view("123456789")) == 0xe3069283);
    CHECK(crc32c(t::view(std::string(32, '\0'))) == 0x8a9136aa);
    CHECK(crc32c(t::view(std::string(32, '\xff'))) == 0x62a8ab43);
    CHECK(crc32c({}) == 0);
}

TEST_CASE("a header is four little-endian numbers") {
    const auto data = t::message(2013, "", 5, -2);
    const auto h = read_header(t::view(data));
    CHECK(h.length == 16);
    CHECK(h.request_id == 5);
    CHECK(h.response_to == -2);
    CHECK(h.operation == opcode::msg);
    CHECK(to_string(opcode::remove) == "OP_DELETE");
    CHECK(!is_known(static_cast<opcode>(2003)));
}

TEST_CASE("OP_MSG has a body, before or behind any number of sections") {
    const auto docs = t::document(R"({"a": 1})") + t::document(R"({"b": 2})");
    const auto list = t::list_section("documents", docs) + t::list_section("none", "");
    for (const auto& sections : {t::body_section(add) + list, list + t::body_section(add)}) {
        const auto data = t::message(2013, t::int32(2) + sections);
        op_msg m;
        CHECK(parse(t::view(data), m) == "");
        CHECK(m.flags == op_msg::more_to_come);
        CHECK(t::to_json(m.body)["$db"] == "demo");
        REQUIRE(m.sections.size() == 2);
        CHECK(m.sections[0].name == "documents");
        CHECK(m.sections[0].count == 2);
        std::string names;
        for (const bytes d : documents(m.sections[0].documents))
            names += bson::elements(d).begin()->name;
        CHECK(names == "ab");
        CHECK(m.sections[1].count == 0);
    }
}

TEST_CASE("an op_msg that is used again forgets what it held") {
    op_msg m;
    const auto first = t::msg(add, 0, 7, t::list_section("documents", ""));
    const auto second = t::msg(R"({"ping": 1})");
    REQUIRE(parse(t::view(first), m) == "");
    REQUIRE(parse(t::view(second), m) == "");
    CHECK(m.sections.empty());
    CHECK(t::to_json(m.body).dump() == R"({"ping":1})");
}

TEST_CASE("a checksum is verified where there is one") {
    CHECK(reason<op_msg>(with_checksum(t::body_section(add))) == "");
    CHECK(says<op_msg>(with_checksum(t::body_section(add), 1), "checksum is wrong"));
    CHECK(says<op_msg>(t::message(2013, t::int32(1) + "abc"), "checksum is cut off"));
    // Without the flag four more bytes are no section.
    CHECK(says<op_msg>(t::msg(add) + "abcd", "unknown section kind 97"));
}

TEST_CASE("unknown flags of OP_MSG count in the lower half only") {
    for (int bit = 2; bit < 16; ++bit)
        CHECK(says<op_msg>(t::msg(add, 1u << bit), "offset 16: unknown required flags"));
    for (int bit = 16; bit < 32; ++bit) CHECK(reason<op_msg>(t::msg(add, 1u << bit)) == "");
}

TEST_CASE("OP_MSG has one body, and sections that differ from it and each other") {
    const auto body = t::body_section(add);
    const auto flags = t::int32(0);
    CHECK(says<op_msg>(t::message(2013, flags), "no section of kind 0"));
    CHECK(says<op_msg>(t::message(2013, flags + t::list_section("a", "")), "no section of kind 0"));
    CHECK(says<op_msg>(t::message(2013, flags + body + body), "two sections of kind 0"));
    CHECK(says<op_msg>(t::message(2013, flags + body + '\2'), "unknown section kind 2"));
    const auto twice = t::list_section("a", "") + t::list_section("a", "");
    CHECK(says<op_msg>(t::msg(add, 0, 7, twice), "two sections are named 'a'"));
    CHECK(says<op_msg>(t::msg(add, 0, 7, t::list_section("add", "")),
                       "'add' is both in the body and a section"));
    const auto name = std::string(1'000'000, 'n');
    const auto long_one = t::list_section(name, "") + t::list_section(name, "");
    CHECK(reason<op_msg>(t::msg(add, 0, 7, long_one)).size() < 200);
    std::string many;
    for (int i = 0; i < 16; ++i) many += t::list_section(std::to_string(i), "");
    CHECK(reason<op_msg>(t::msg(add, 0, 7, many)) == "");
    many += t::list_section("one more", "");
    CHECK(says<op_msg>(t::msg(add, 0, 7, many), "more than 16 sections"));
}

TEST_CASE("the size of a section is the truth") {
    const auto flags = t::int32(0) + t::body_section(add);
    const auto one = t::document("{}");
    auto sized = [&](std::int64_t size, const std::string& rest) {
        return t::message(2013, flags + '\1' + t::int32(size) + rest);
    };
    const auto rest = t::cstring("d") + one; // 4 + 2 + 5 = 11 bytes
    CHECK(reason<op_msg>(sized(11, rest)) == "");
    CHECK(says<op_msg>(sized(12, rest), "section size exceeds its message"));
    CHECK(says<op_msg>(sized(INT32_MAX, rest), "section size exceeds its message"));
    CHECK(says<op_msg>(sized(-1, rest), "section size is below 5"));
    CHECK(says<op_msg>(sized(4, rest), "section size is below 5"));
    CHECK(says<op_msg>(sized(5, rest), "section name exceeds its section"));
    CHECK(says<op_msg>(sized(10, rest), "document is cut off"));
    CHECK(says<op_msg>(sized(6, rest), "unknown section kind 5"));
    CHECK(says<op_msg>(sized(5, "d"), "section name is not terminated"));
    CHECK(says<op_msg>(sized(6, "\xff" + std::string(1, '\0')), "section name is not UTF-8"));
}

TEST_CASE("what is wrong with a document is told with its place in the message") {
    auto data = t::msg(add);
    data[21] = 3; // the lowest byte of the body's length
    CHECK(reason<op_msg>(data) == "OP_MSG: offset 21: document length is below 5");
    data[21] = 100;
    CHECK(says<op_msg>(data, "document length exceeds its message"));
    auto bad = t::msg(add);
    bad[25] = 0x55; // the type of `add`
    CHECK(reason<op_msg>(bad) == "OP_MSG: offset 25: unknown type");
}

TEST_CASE("documents are as deep as the caller says") {
    const auto data = t::msg(R"({"a": {"b": {}}})");
    op_msg m;
    CHECK(parse(t::view(data), m, 3) == "");
    CHECK(parse(t::view(data), m, 2).find("too deeply") != std::string::npos);
}

TEST_CASE("OP_QUERY has a name, two numbers, a query and perhaps a projection") {
    const auto data = t::query("db.$cmd", add, -1, 4, 7, 3, t::document(R"({"x": 1})"));
    op_query q;
    REQUIRE(parse(t::view(data), q) == "");
    CHECK(q.flags == 4);
    CHECK(q.name == "db.$cmd");
    CHECK(q.skip == 3);
    CHECK(q.wanted == -1);
    CHECK(t::to_json(q.query)["$db"] == "demo");
    CHECK(t::to_json(q.fields).dump() == R"({"x":1})");
}

TEST_CASE("OP_QUERY that is cut, unknown or too long is refused") {
    CHECK(says<op_query>(t::message(2004, t::int32(0) + "db.$cmd"),
                         "collection name is not terminated"));
    CHECK(says<op_query>(t::query("a.b", add, 1, 1), "unknown flags 1"));
    CHECK(says<op_query>(t::query("a.b", add, 1, 256), "unknown flags 256"));
    CHECK(reason<op_query>(t::query("a.b", add, 1, 254)) == "");
    CHECK(says<op_query>(t::query("\xc3.b", add), "collection name is not UTF-8"));
    CHECK(says<op_query>(t::query("a.b", add, 1, 0, 7, 0, t::document("{}") + "x"),
                         "bytes are left over"));
    CHECK(says<op_query>(t::query("a.b", add) + "x", "document is cut off"));
}

TEST_CASE("the other operations have the layouts of the specification") {
    op_get_more g;
    const auto more =
        t::message(2005, t::int32(0) + t::cstring("a.b") + t::int32(5) + t::int64(-9));
    REQUIRE(parse(t::view(more), g) == "");
    CHECK(g.name == "a.b");
    CHECK(g.wanted == 5);
    CHECK(g.cursor == -9);

    op_kill_cursors k;
    const auto kill = t::message(2007, t::int32(0) + t::int32(2) + t::int64(1) + t::int64(2));
    REQUIRE(parse(t::view(kill), k) == "");
    REQUIRE(k.count() == 2);
    CHECK(k.id(1) == 2);

    op_insert i;
    const auto insert =
        t::message(2002, t::int32(1) + t::cstring("a.b") + t::document("{}") + t::document(add));
    REQUIRE(parse(t::view(insert), i) == "");
    CHECK(i.flags == op_insert::continue_on_error);
    CHECK(i.count == 2);

    op_update u;
    const auto update = t::message(2001, t::int32(0) + t::cstring("a.b") + t::int32(3) +
                                             t::document(R"({"s": 1})") + t::document(add));
    REQUIRE(parse(t::view(update), u) == "");
    CHECK(u.flags == 3);
    CHECK(t::to_json(u.selector).dump() == R"({"s":1})");

    op_delete d;
    const auto remove =
        t::message(2006, t::int32(0) + t::cstring("a.b") + t::int32(1) + t::document(add));
    REQUIRE(parse(t::view(remove), d) == "");
    CHECK(d.name == "a.b");

    old_msg o;
    REQUIRE(parse(t::view(t::message(1000, t::cstring("hello"))), o) == "");
    CHECK(says<old_msg>(t::message(1000, "hello"), "text is not terminated"));
}

TEST_CASE("the other operations are refused where they lie") {
    const auto head = t::int32(0) + t::cstring("a.b");
    CHECK(says<op_kill_cursors>(t::message(2007, t::int32(0) + t::int32(3) + t::int64(1)),
                                "numberOfCursorIDs does not match"));
    CHECK(says<op_kill_cursors>(t::message(2007, t::int32(0) + t::int32(-1)),
                                "numberOfCursorIDs does not match"));
    CHECK(says<op_kill_cursors>(t::message(2007, t::int32(0) + t::int32(0x20000001) + t::int64(1)),
                                "numberOfCursorIDs does not match"));
    CHECK(says<op_insert>(t::message(2002, head), "no document"));
    CHECK(says<op_insert>(t::message(2002, head + t::document(add) + "x"), "document is cut off"));
    CHECK(
        says<op_get_more>(t::message(2005, head + t::int32(5) + "1234567"), "cursorID is cut off"));
    CHECK(says<op_update>(t::message(2001, head + t::int32(0) + t::document(add)),
                          "document is cut off"));
    CHECK(says<op_delete>(t::message(2006, head + t::int32(0) + t::document(add) + "x"),
                          "bytes are left over"));
    CHECK(says<op_compressed>(t::message(2012, t::int32(2013) + t::int32(5)),
                              "compressorId is cut off"));
}

TEST_CASE("OP_REPLY has as many documents as it says") {
    auto reply = [](std::int64_t count, const std::string& docs) {
        return t::message(1, t::int32(8) + t::int64(77) + t::int32(3) + t::int32(count) + docs);
    };
    const auto two = t::document(add) + t::document("{}");
    const auto data = reply(2, two);
    op_reply r;
    REQUIRE(parse(t::view(data), r) == "");
    CHECK(r.flags == 8);
    CHECK(r.cursor == 77);
    CHECK(r.starting_from == 3);
    CHECK(r.documents.size() == two.size());
    for (const int wrong : {1, 3, -1, INT32_MAX})
        CHECK(says<op_reply>(reply(wrong, two), "but there are 2 documents"));
}

TEST_CASE("whatever is cut or changed is read without a step beyond its end") {
    const auto docs = t::document(R"({"a": "text"})") + t::document("{}");
    const auto head = t::int32(0) + t::cstring("a.b");
    torture<op_msg>(t::msg(add, 2, 7, t::list_section("documents", docs)));
    torture<op_msg>(with_checksum(t::body_section(add)));
    torture<op_query>(t::query("a.b", add, 1, 0, 7, 0, t::document("{}")));
    torture<op_reply>(t::message(1, t::int32(0) + t::int64(1) + t::int32(0) + t::int32(2) + docs));
    torture<op_insert>(t::message(2002, head + docs));
    torture<op_update>(t::message(2001, head + t::int32(0) + docs));
    torture<op_delete>(t::message(2006, head + t::int32(0) + t::document(add)));
    torture<op_get_more>(t::message(2005, head + t::int32(5) + t::int64(1)));
    torture<op_kill_cursors>(t::message(2007, t::int32(0) + t::int32(1) + t::int64(1)));
    torture<old_msg>(t::message(1000, t::cstring("hello")));
    torture<op_compressed>(t::message(2012, t::int32(2013) + t::int32(5) + "\1abc"));
}

TEST_CASE("a message that is cut is always refused") {
    const auto data = t::msg(add, 0, 7, t::list_section("documents", t::document(add)));
    const auto body_end = header_size + 4 + t::body_section(add).size();
    for (std::size_t n = header_size; n < data.size(); ++n) {
        const bool whole = n == body_end; // the body alone is a message
        CHECK(reason<op_msg>(data.substr(0, n)).empty() == whole);
    }
    const auto q = t::query("a.b", add);
    for (std::size_t n = header_size; n < q.size(); ++n)
        CHECK(reason<op_query>(q.substr(0, n)) != "");
}

TEST_CASE("what is written is what was read") {
    byte_buffer out;
    out.append("before");
    const auto docs = t::document(R"({"a": 1})") + t::document("{}");
    const auto data = t::msg(add, op_msg::exhaust_allowed, 9, t::list_section("documents", docs));
    op_msg m;
    REQUIRE(parse(t::view(data), m) == "");
    put(out, m, 9);
    CHECK(t::text(out) == "before" + data);

    out.clear();
    const auto asked = t::query("a.b", add, 3, 4, 11, 2, t::document("{}"));
    op_query q;
    REQUIRE(parse(t::view(asked), q) == "");
    put(out, q, 11);
    CHECK(t::text(out) == asked);

    out.clear();
    const auto reply =
        t::message(1, t::int32(0) + t::int64(5) + t::int32(1) + t::int32(2) + docs, 12, 11);
    op_reply r;
    REQUIRE(parse(t::view(reply), r) == "");
    put(out, r, 12, 11);
    CHECK(t::text(out) == reply);
}

TEST_CASE("no checksum is ever written, and no name that would end early") {
    byte_buffer out;
    op_msg m;
    const auto data = with_checksum(t::body_section(add));
    REQUIRE(parse(t::view(data), m) == "");
    put(out, m, 7);
    CHECK(t::text(out) == t::msg(add));
    using namespace std::literals;
    CHECK_THROWS_AS(begin_section(out, "a\0b"sv), rpc_error);
    CHECK_THROWS_AS(begin_section(out, "\xff"), rpc_error);
}

TEST_CASE("nothing may follow the documents of an update") {
    const auto whole =
        t::int32(0) + t::cstring("d.c") + t::int32(0) + t::document("{}") + t::document("{}");
    CHECK(reason<op_update>(t::message(2001, whole)) == "");
    CHECK(says<op_update>(t::message(2001, whole + "x"), "bytes are left over"));
}

} // TEST_SUITE("mongodb_wire")
