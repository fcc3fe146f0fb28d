#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

#include "support/bson_samples.hpp"
#include "support/test.hpp"

#include <deque>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <unordered_map>

using namespace bson_samples;
namespace bson = oocrpc::bson;
using bson::type;
using oocrpc::json;

namespace {

struct point {
    double x, y;
    bool operator==(const point&) const = default;
};

struct order {
    std::string name;
    std::vector<point> items;
    std::optional<int> limit;
    std::map<std::string, std::vector<std::int64_t>> extra;
    std::optional<point> origin;
    int count = 7;
    bool operator==(const order&) const = default;
};

struct priced {
    double price;
};
struct basket {
    std::vector<priced> items;
};
struct tree {
    int v;
    std::vector<tree> children;
    bool operator==(const tree&) const = default;
};
struct empty {
    bool operator==(const empty&) const = default;
};
struct lone {
    std::optional<std::string> only;
    bool operator==(const lone&) const = default;
};
struct widest {
    int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x_24;
    bool operator==(const widest&) const = default;
};

enum class level : std::uint8_t { low = 1, high = 200 };
enum class color { red, green };
NLOHMANN_JSON_SERIALIZE_ENUM(color, {{color::red, "red"}, {color::green, "green"}})

// Aggregates with functions of their own: these decide, not reflection.
struct degrees {
    double value;
    bool operator==(const degrees&) const = default;
    friend void to_json(json& j, const degrees& d) { j = std::to_string(int(d.value)) + "deg"; }
    friend void from_json(const json& j, degrees& d) { d.value = std::stod(j.get<std::string>()); }
};
struct sorted_only {
    int a;
    bool operator==(const sorted_only&) const = default;
    NLOHMANN_DEFINE_TYPE_INTRUSIVE(sorted_only, a)
};

// What travels as a document's element, has a valid form and comes back as it was.
template <class T> void round_trip(const T& in, type expected) {
    oocrpc::byte_buffer out;
    bson::document_writer writer(out);
    writer.add("v", in);
    writer.finish();
    raw made(out.data(), out.data() + out.size());
    CHECK(fault_of(made) == "");
    auto v = bson::find(made, "v");
    REQUIRE(v);
    CHECK(v->t == expected);
    T back{};
    bson::read_error e;
    CHECK_MESSAGE(bson::get(*v, back, e), e.text());
    CHECK((back == in));
}

template <class T, class From> std::string error_of(const From& from) {
    auto v = bson::to_value(from);
    T out{};
    bson::read_error e;
    return bson::get(v, out, e) ? "" : e.text();
}

} // namespace

TEST_SUITE_BEGIN("bson_value");

TEST_CASE("numbers travel in the width of their C++ type") {
    round_trip(true, type::boolean);
    round_trip(false, type::boolean);
    round_trip<std::int8_t>(-128, type::int32);
    round_trip<std::uint16_t>(65535, type::int32);
    round_trip<std::int32_t>(std::numeric_limits<std::int32_t>::min(), type::int32);
    round_trip<std::uint32_t>(0xffffffff, type::int64);
    round_trip<std::int64_t>(std::numeric_limits<std::int64_t>::min(), type::int64);
    round_trip<long>(5, type::int64);
    round_trip<long long>(5, type::int64);
    round_trip<std::uint64_t>(0x7fffffffffffffff, type::int64);
    round_trip(1.5, type::float64);
    round_trip(1.5f, type::float64);
    round_trip('x', type::int32);
    round_trip(level::high, type::int32);
    CHECK_THROWS_AS(bson::to_value(std::uint64_t{1} << 63), oocrpc::rpc_error);
}

TEST_CASE("text, bytes, times and nothing have their own types") {
    using namespace std::chrono;
    round_trip(std::string("gr\xc3\xbc\xc3\x9f dich\0z", 13), type::string);
    round_trip(std::string(), type::string);
    round_trip(std::vector<std::uint8_t>{1, 2, 3}, type::binary);
    round_trip(std::vector<std::uint8_t>{}, type::binary);
    round_trip(std::vector<std::byte>{std::byte{7}}, type::binary);
    round_trip(std::array<std::uint8_t, 2>{1, 2}, type::binary);
    round_trip(nullptr, type::null);
    round_trip(std::monostate{}, type::null);
    round_trip(std::optional<int>{}, type::null);
    round_trip(std::optional<int>{5}, type::int32);
    round_trip(system_clock::time_point(milliseconds(1356351330501)), type::datetime);
    round_trip(sys_time<milliseconds>(milliseconds(-1)), type::datetime);
    CHECK(bson::to_value("abc") == bson::to_value(std::string_view("abc")));
    auto before_1970 = bson::to_value(sys_time<microseconds>(microseconds(-1)));
    CHECK(bson::value_view(before_1970).as_int64() == -1);
    CHECK_THROWS_AS(bson::to_value("\xff"), oocrpc::rpc_error);
}

TEST_CASE("views point into the document") {
    auto v = bson::to_value("abc"), b = bson::to_value(std::vector<std::uint8_t>{1, 2});
    std::string_view text;
    oocrpc::bytes data;
    bson::value_view any;
    bson::read_error e;
    CHECK(bson::get(v, text, e));
    CHECK(static_cast<const void*>(text.data()) == v.data.data() + 4);
    CHECK(bson::get(b, data, e));
    CHECK(data.data() == b.data.data() + 5);
    CHECK(bson::get(v, any, e));
    CHECK(any == v);
}

TEST_CASE("containers travel as arrays and documents") {
    round_trip(std::vector<int>{1, 2, 3}, type::array);
    round_trip(std::vector<bool>{true, false}, type::array);
    round_trip(std::array<double, 2>{1, 2}, type::array);
    round_trip(std::list<std::string>{"a"}, type::array);
    round_trip(std::deque<std::vector<int>>{{1}, {}}, type::array);
    round_trip(std::set<int>{3, 1}, type::array);
    round_trip(std::tuple<int, std::string, double>{1, "a", 2.5}, type::array);
    round_trip(std::pair<bool, int>{true, 1}, type::array);
    round_trip(std::map<std::string, int>{{"b", 1}, {"a", 2}}, type::document);
    round_trip(std::unordered_map<std::string, std::optional<int>>{{"b", {}}}, type::document);
    round_trip(std::map<int, std::string>{{1, "one"}}, type::array);
    std::vector<int> twelve(12, 3);
    round_trip(twelve, type::array);
    CHECK(bson::to_value(std::span<const int>(twelve)) == bson::to_value(twelve));
}

TEST_CASE("a plain struct is a document with the names of its members") {
    round_trip(point{1, 2}, type::document);
    round_trip(order{"n", {{1, 2}, {3, 4}}, 5, {{"k", {1, 2}}}, {}, 3}, type::document);
    round_trip(tree{1, {{2, {}}, {3, {{4, {}}}}}}, type::document);
    round_trip(empty{}, type::document);
    round_trip(lone{"x"}, type::document);
    round_trip(lone{}, type::document);
    widest w{};
    w.a = 1, w.x_24 = 24;
    round_trip(w, type::document);
    struct local {
        int here;
        bool operator==(const local&) const = default;
    };
    round_trip(local{4}, type::document);

    raw made = bson::to_value(point{1, 2}).data;
    CHECK(made == document({element(1, "x", number(0x3ff0000000000000, 8)),
                            element(1, "y", number(0x4000000000000000, 8))}));
}

TEST_CASE("a type with to_json and from_json travels as these say") {
    round_trip(degrees{90}, type::string);
    round_trip(sorted_only{5}, type::document);
    round_trip(color::green, type::string);
    CHECK(bson::value_view(bson::to_value(color::green)).as_string() == "green");
    CHECK(error_of<degrees>(5).starts_with("expected any, got [json.exception"));
    CHECK(error_of<degrees>("x") == "expected any, got stod");
}

TEST_CASE("json and owned values pass through") {
    round_trip(json{{"b", 1}, {"a", {1, 2.5, "x", nullptr}}}, type::document);
    round_trip(json(5), type::int32);
    round_trip(json(5000000000), type::int64);
    auto d = all_types();
    for (auto& e : bson::elements(d)) {
        auto v = bson::to_value(e.value);
        CHECK(v == bson::value(e.value));
        CHECK(bson::to_value(v) == v);
        round_trip(v, e.value.t);
    }
}

TEST_CASE("an integer fits every C++ integer that can hold it, and no other") {
    CHECK(error_of<int>(std::int64_t{5}) == "");
    CHECK(error_of<std::int64_t>(5) == "");
    CHECK(error_of<std::uint8_t>(std::int64_t{255}) == "");
    CHECK(error_of<std::uint64_t>(5) == "");
    CHECK(error_of<std::int8_t>(128) == "expected int8 (-128 to 127), got int32 128");
    CHECK(error_of<std::uint8_t>(-1) == "expected uint8 (0 to 255), got int32 -1");
    CHECK(error_of<int>(std::int64_t{3000000000}) ==
          "expected int32 (-2147483648 to 2147483647), got int64 3000000000");
    CHECK(error_of<std::uint64_t>(-5) ==
          "expected uint64 (0 to 18446744073709551615), got int32 -5");
    CHECK(error_of<level>(256) == "expected uint8 (0 to 255), got int32 256");
    CHECK(error_of<int>(5.0) == "expected int32, got double");
    CHECK(error_of<int>(true) == "expected int32, got bool");
    CHECK(error_of<bool>(1) == "expected bool, got int32");
    CHECK(error_of<int>("5") == "expected int32, got string");
    CHECK(error_of<std::string>(5) == "expected string, got int32");
}

TEST_CASE("an integer becomes a double only where nothing is lost") {
    CHECK(error_of<double>(5) == "");
    CHECK(error_of<double>(std::int64_t{1} << 62) == "");
    CHECK(error_of<double>(std::numeric_limits<std::int64_t>::min()) == "");
    CHECK(error_of<double>((std::int64_t{1} << 53) + 1) ==
          "expected double, got int64 9007199254740993, which has no exact double");
    CHECK(error_of<double>(std::numeric_limits<std::int64_t>::max()).ends_with("no exact double"));
    CHECK(error_of<float>(0.1) == "");
    CHECK(error_of<float>(std::numeric_limits<double>::infinity()) == "");
    CHECK(error_of<float>(1e300) == "expected float, got double 1e+300");
}

TEST_CASE("an error names the path to the value") {
    json in = {{"items", {{{"price", 1.5}}, {{"price", 2}}, {{"price", 3.0}}, {{"price", "4"}}}}};
    CHECK(error_of<basket>(in) == "items[3].price: expected double, got string");
    in["items"][3] = json::object();
    CHECK(error_of<basket>(in) == "items[3].price: missing, expected double");
    in["items"][3] = 5;
    CHECK(error_of<basket>(in) == "items[3]: expected document, got int32");
    in["items"] = "x";
    CHECK(error_of<basket>(in) == "items: expected array, got string");
    CHECK(error_of<basket>(json::object()) == "items: missing, expected array");
    CHECK(error_of<basket>(5) == "expected document, got int32");
    CHECK(error_of<std::vector<std::vector<int>>>(json::parse("[[1],[2,null]]")) ==
          "[1][1]: expected int32, got null");
    CHECK(error_of<std::map<std::string, std::vector<int>>>(json{{"k", {1, "x"}}}) ==
          "k[1]: expected int32, got string");
    CHECK(error_of<std::tuple<int, std::string>>(json{1, 2}) == "[1]: expected string, got int32");
    CHECK(error_of<std::pair<int, int>>(json{1, 2, 3}) == "expected array of 2, got array of 3");
    CHECK(error_of<std::pair<int, int>>(json{"x"}) == "expected array of 2, got array of 1");
    CHECK(error_of<std::pair<int, int>>(json{1, "x", 3}) == "expected array of 2, got array of 3");
    CHECK(error_of<std::pair<int, int>>(json::array()) == "expected array of 2, got array of 0");
    CHECK(error_of<std::tuple<>>(json{1}) == "expected array of 0, got array of 1");
    CHECK(error_of<std::array<int, 2>>(json{1}) == "expected array of 2, got array of 1");
    CHECK(error_of<std::array<std::uint8_t, 2>>(std::vector<std::uint8_t>{1}) ==
          "expected binary of 2, got binary of 1");
    CHECK(error_of<std::nullptr_t>(1) == "expected null, got int32");
    CHECK(error_of<std::optional<int>>("x") == "expected int32, got string");
    CHECK(error_of<std::chrono::system_clock::time_point>(1) == "expected datetime, got int32");

    bson::read_error e;
    e.fail("int32", "null");
    e.in(2);
    e.in("arguments");
    CHECK(e.path == "arguments[2]");
}

TEST_CASE("a datetime that the clock cannot hold is an error with the range") {
    bson::value v;
    v.t = type::datetime;
    v.data = number(0x7fffffffffffffff, 8);
    std::chrono::system_clock::time_point fine;
    std::chrono::sys_time<std::chrono::milliseconds> coarse;
    std::chrono::sys_days day;
    bson::read_error e;
    CHECK(bson::get(v, coarse, e));
    CHECK(bson::get(v, day, e));
    CHECK(bson::get(v, fine, e) == false);
    CHECK(
        e.text().starts_with("expected datetime (-9223372036854 to 9223372036854), got datetime"));
}

TEST_CASE("a struct ignores keys that it does not know, takes any order, and the first of two") {
    auto d = document({element(0x10, "z", number(9, 4)), element(0x10, "y", number(2, 4)),
                       element(0x10, "x", number(1, 4)), element(0x10, "x", number(5, 4))});
    point p;
    bson::read_error e;
    REQUIRE(bson::get(view(d), p, e));
    CHECK((p == point{1, 2}));
    std::map<std::string, int> m;
    REQUIRE(bson::get(view(d), m, e));
    CHECK(m["x"] == 1);
    lone l{"old"};
    REQUIRE(bson::get(view(d), l, e));
    CHECK_FALSE(l.only);
}

TEST_CASE("a type has a name for people who call it") {
    CHECK(bson::type_name<int>() == "int32");
    CHECK(bson::type_name<const std::int64_t&>() == "int64");
    CHECK(bson::type_name<std::uint16_t>() == "uint16");
    CHECK(bson::type_name<level>() == "uint8");
    CHECK(bson::type_name<double>() == "double");
    CHECK(bson::type_name<std::string>() == "string");
    CHECK(bson::type_name<bool>() == "bool");
    CHECK(bson::type_name<std::nullptr_t>() == "null");
    CHECK(bson::type_name<void>() == "null");
    CHECK(bson::type_name<std::vector<std::uint8_t>>() == "binary");
    CHECK(bson::type_name<std::chrono::system_clock::time_point>() == "datetime");
    CHECK(bson::type_name<std::vector<int>>() == "array<int32>");
    CHECK(bson::type_name<std::map<std::string, double>>() == "map<double>");
    CHECK(bson::type_name<std::optional<std::string>>() == "optional<string>");
    CHECK(bson::type_name<std::tuple<int, std::string>>() == "[int32, string]");
    CHECK(bson::type_name<json>() == "any");
    CHECK(bson::type_name<bson::value>() == "any");
    CHECK(bson::type_name<bson::value_view>() == "any");
    CHECK(bson::type_name<degrees>() == "any");
    CHECK(bson::type_name<point>() == "{x: double, y: double}");
    CHECK(bson::type_name<basket>() == "{items: array<{price: double}>}");
    CHECK(bson::type_name<tree>() == "{v: int32, children: array<{...}>}");
    CHECK(bson::type_name<empty>() == "{}");
}

TEST_SUITE_END();
