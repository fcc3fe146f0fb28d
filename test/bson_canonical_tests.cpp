#include <oocrpc/bson_canonical.hpp>
#include <oocrpc/bson_value.hpp>

#include "support/bson_samples.hpp"
#include "support/test.hpp"

#include <map>

using namespace bson_samples;
namespace bson = oocrpc::bson;
using oocrpc::json;

namespace {

std::string key(bson::value_view v) {
    oocrpc::byte_buffer out;
    bson::append_canonical(out, v);
    return {reinterpret_cast<const char*>(out.data()), out.size()};
}

template <class T> std::string key_of(const T& v) {
    return key(bson::to_value(v));
}
std::string key_of(const char* text) {
    return key_of(json::parse(text));
}

} // namespace

TEST_SUITE_BEGIN("bson_canonical");

TEST_CASE("the order of keys and the width of integers do not matter") {
    CHECK(key_of(R"({"a": 1, "b": {"c": 2, "d": 3}})") ==
          key_of(R"({"b": {"d": 3, "c": 2}, "a": 1})"));
    CHECK(key_of(5) == key_of(std::int64_t{5}));
    CHECK(key_of(-5) == key_of(std::int64_t{-5}));
    CHECK(key_of(R"([{"a": {"$numberLong": "7"}}])") == key_of(R"([{"a": 7}])"));
    auto scope = [](const char* scope) {
        return key_of(json{{"$code", "f"}, {"$scope", json::parse(scope)}});
    };
    CHECK(scope(R"({"a": 1, "b": 2})") == scope(R"({"b": 2, "a": 1})"));
}

TEST_CASE("everything else tells values apart") {
    std::vector<std::string> different = {
        key_of(5),
        key_of(5.0),
        key_of(0.0),
        key_of(-0.0),
        key_of(6),
        key_of("\"5\""),
        key_of(true),
        key_of(false),
        key_of(nullptr),
        key_of("[]"),
        key_of("{}"),
        key_of("[5]"),
        key_of("[[5]]"),
        key_of("[5, 6]"),
        key_of("[6, 5]"),
        key_of(R"({"0": 5})"),
        key_of(R"({"a": 1, "b": 2})"),
        key_of(R"({"a": 2, "b": 1})"),
        key_of(R"({"a": {"b": 2}})"),
        key_of(R"({"a": null})"),
        key_of(R"({"ab": null})"),
        key_of(R"([["a"], []])"),
        key_of(R"([[], ["a"]])"),
        key_of(R"(["ab", "c"])"),
        key_of(R"(["a", "bc"])"),
        key_of(R"({"$code": "5"})"),
        key_of(R"({"$symbol": "5"})"),
        key_of(R"({"$undefined": true})"),
        key_of(R"({"$minKey": 1})"),
        key_of(R"({"$maxKey": 1})"),
        key_of(R"({"$date": {"$numberLong": "5"}})"),
        key_of(R"({"$timestamp": {"t": 0, "i": 5}})"),
        key_of(R"({"$numberDecimal": "5"})"),
        key_of(R"({"$numberDecimal": "5.0"})"),
        key_of(R"({"$binary": {"base64": "", "subType": "00"}})"),
        key_of(R"({"$binary": {"base64": "", "subType": "05"}})"),
        key_of(R"({"$regularExpression": {"pattern": "a", "options": "i"}})"),
        key_of(R"({"$regularExpression": {"pattern": "ai", "options": ""}})"),
        key_of(R"({"$code": "f", "$scope": {}})"),
        key_of(R"({"$code": "f", "$scope": {"a": 1}})"),
        key_of(R"([{"$code": "f"}, {}])"),
    };
    for (std::size_t a = 0; a < different.size(); ++a)
        for (std::size_t b = 0; b < different.size(); ++b)
            if (a != b) {
                CAPTURE(a);
                CAPTURE(b);
                CHECK_FALSE(different[a].starts_with(different[b]));
            }
}

TEST_CASE("the names in an array mean nothing, a key that comes twice keeps its order") {
    auto named = [](std::string_view a, std::string_view b) {
        auto d = document({element(0x10, a, number(1, 4)), element(0x10, b, number(2, 4))});
        return key({bson::type::array, d});
    };
    CHECK(named("0", "1") == named("7", ""));
    auto twice = [](unsigned first, unsigned second) {
        return key(view(document(
            {element(0x10, "a", number(first, 4)), element(0x10, "a", number(second, 4))})));
    };
    CHECK(twice(1, 2) != twice(2, 1));
}

TEST_CASE("random documents share a key exactly if they are equal but for order and width") {
    std::mt19937 random(20);
    std::map<std::string, json> seen;
    for (int i = 0; i < 3000; ++i) {
        // Few keys and values, so that equal documents do come up.
        json object = json::object();
        for (auto n = random() % 4; n--;)
            object[std::string(1, static_cast<char>('a' + random() % 3))] =
                random() % 2 ? json(random() % 2) : json{{"n", random() % 2}};
        // Sorted keys are what nlohmann::json makes of it: the independent judge.
        nlohmann::json sorted(object);
        auto [at, fresh] = seen.emplace(key_of(object), sorted);
        if (!fresh) CHECK(nlohmann::json(at->second) == sorted);
    }
    std::map<std::string, int> texts;
    for (auto& [key, object] : seen) ++texts[nlohmann::json(object).dump()];
    CHECK(texts.size() == seen.size());
    CHECK(seen.size() > 50);
    CHECK(seen.size() < 3000);
}

TEST_SUITE_END();
