#include <oocrpc/bson_canonical.hpp>
#include <oocrpc/bson_value.hpp>

#include "support/bson_samples.hpp"
#include "support/test.hpp"

// Random documents against nlohmann's own BSON mode, which knows nine of the types, and through our
// own conversions for all twenty-one.

using namespace bson_samples;
namespace bson = oocrpc::bson;
using bson::json_mode;
using oocrpc::json;

namespace {

constexpr unsigned seed = 20240601;

class source {
  public:
    explicit source(unsigned s) : random_(s) {}

    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    std::uint64_t bits() { return random_() >> below(64); }

    std::string text() {
        constexpr std::string_view pieces[] = {"a",  "z",  "0",    " ",
                                               "\"", "\\", "\x01", "\x7f",
                                               "ä",  "€",  "😀",   "longer text of ASCII only"};
        std::string s;
        for (auto n = below(6); n--;) s += pieces[below(std::size(pieces))];
        return s;
    }
    // Distinct, and never that of a wrapper.
    std::string key(std::uint64_t i) { return text() + std::to_string(i); }

    raw data(std::size_t n) {
        raw out(n);
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random_());
        return out;
    }
    double real() {
        return std::ldexp(static_cast<double>(bits()), static_cast<int>(below(200)) - 100);
    }

    json known(int depth) {
        switch (below(depth > 0 ? 9 : 7)) {
        case 0:
            return nullptr;
        case 1:
            return below(2) == 1;
        case 2:
            return static_cast<std::int64_t>(bits() * (below(2) ? 1 : -1));
        case 3:
            return real();
        case 4:
            return text() + std::string(below(2), '\0');
        case 5: {
            // nlohmann writes and reads the subtype 2 without its inner length.
            auto subtype = below(256);
            return json::binary(data(below(20)), subtype == 2 ? 3 : subtype);
        }
        case 6:
            return static_cast<std::int64_t>(below(100)) - 50;
        case 7:
            return known_object(depth - 1);
        default: {
            auto array = json::array();
            for (auto n = below(12); n--;) array.push_back(known(depth - 1));
            return array;
        }
        }
    }
    json known_object(int depth) {
        auto object = json::object();
        for (auto n = below(6); n--;) object[key(n)] = known(depth);
        return object;
    }

    // Any type there is, as bytes.
    raw value(std::uint8_t& type, int depth) {
        constexpr std::uint8_t types[] = {1,  2,  5,  6,  7,  8, 9,    10,   11, 12, 13,
                                          14, 16, 17, 18, 19, 5, 0x7f, 0xff, 3,  4,  15};
        type = types[below(std::size(types) - (depth > 0 ? 0 : 3))];
        switch (type) {
        case 1:
            return number(std::bit_cast<std::uint64_t>(real()), 8);
        case 2:
        case 13:
        case 14:
            return string(text() + std::string(below(2), '\0'));
        case 3:
        case 4:
            return any(depth - 1, type == 4);
        case 5:
            return binary();
        case 7:
            return data(12);
        case 8:
            return {static_cast<std::uint8_t>(below(2))};
        case 9:
            return number(below(2) ? bits() : ~bits(), 8);
        case 11:
            return cstring(text()) + cstring("im");
        case 12:
            return string(text()) + data(12);
        case 15:
            return scoped(text(), any(depth - 1, false));
        case 16:
            return data(4);
        case 17:
        case 18:
            return data(8);
        case 19:
            return number(bits(), 8) + number(0x3040000000000000 + (below(100) << 49), 8);
        default:
            return {};
        }
    }
    raw binary() {
        auto content = data(below(20));
        auto subtype = static_cast<std::uint8_t>(below(8));
        auto length = number(content.size(), 4);
        if (subtype != 2) return length + raw{subtype} + content;
        return number(content.size() + 4, 4) + raw{2} + length + content;
    }
    raw any(int depth, bool array) {
        raw body;
        auto count = below(7);
        for (std::uint64_t i = 0; i < count; ++i) {
            std::uint8_t type;
            auto v = value(type, depth);
            body = body + element(type, array ? std::to_string(i) : key(i), v);
        }
        return number(body.size() + 5, 4) + body + raw{0};
    }

  private:
    std::mt19937_64 random_;
};

} // namespace

TEST_SUITE_BEGIN("bson_random");

TEST_CASE("what nlohmann writes we read alike, and the other way round") {
    MESSAGE("seed " << seed);
    source from(seed);
    for (int i = 0; i < 3000; ++i) {
        CAPTURE(i);
        auto object = from.known_object(4);
        auto theirs = json::to_bson(object);
        REQUIRE(fault_of(theirs) == "");
        REQUIRE(bson::to_json(view(theirs)) == json::from_bson(theirs));
        oocrpc::byte_buffer ours;
        bson::put_document(ours, object);
        REQUIRE(std::ranges::equal(oocrpc::bytes(ours), theirs));
    }
}

TEST_CASE("random documents of all types survive canonical JSON and its text byte by byte") {
    MESSAGE("seed " << seed);
    source from(seed + 1);
    for (int i = 0; i < 2000; ++i) {
        CAPTURE(i);
        auto d = from.any(4, false);
        REQUIRE(fault_of(d) == "");
        oocrpc::byte_buffer made;
        bson::put_document(made, bson::to_json(view(d), json_mode::canonical));
        REQUIRE(std::ranges::equal(oocrpc::bytes(made), d));
        made.clear();
        bson::put_document(made, json::parse(bson::to_text(view(d), json_mode::canonical)));
        REQUIRE(std::ranges::equal(oocrpc::bytes(made), d));
        made.clear();
        // Relaxed loses widths, which the canonical bytes do not look at.
        bson::put_document(made, json::parse(bson::to_text(view(d))));
        REQUIRE(fault_of({made.data(), made.data() + made.size()}) == "");
        oocrpc::byte_buffer a, b;
        bson::append_canonical(a, view(d));
        bson::append_canonical(b, {bson::type::document, made});
        REQUIRE(std::ranges::equal(oocrpc::bytes(a), oocrpc::bytes(b)));
    }
}

TEST_CASE("random changes to random documents are refused or read, never worse") {
    MESSAGE("seed " << seed);
    source from(seed + 2);
    std::size_t valid = 0;
    for (int i = 0; i < 10000; ++i) {
        auto d = from.any(3, false);
        for (auto n = 1 + from.below(3); n--;)
            d[from.below(d.size())] = static_cast<std::uint8_t>(from.below(256));
        if (fault_of(d) != "") continue;
        ++valid;
        auto text = bson::to_text(view(d), json_mode::canonical);
        oocrpc::byte_buffer canonical;
        bson::append_canonical(canonical, view(d));
        CHECK_FALSE(text.empty());
    }
    CHECK(valid > 500);
}

TEST_SUITE_END();
