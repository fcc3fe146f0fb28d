#include <doctest/doctest.h>

#include <arguments.hpp>
#include <exit_code.hpp>
#include <oocrpc/bson_json.hpp>
#include <oocrpc/message.hpp>
#include <signature.hpp>

using namespace oocrpc;
using namespace oocrpc::cli;

TEST_SUITE("cli_arguments") {

namespace {

using words = std::vector<std::string>;

std::string text_of(const words& typed, std::optional<std::string> named = std::nullopt) {
    return bson::to_text(encode_arguments(typed, named), bson::json_mode::canonical);
}

template <class F> std::string refusal(F f) {
    try {
        f();
    } catch (const usage_error& e) {
        return e.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("a word is JSON, or where it is not JSON, that text") {
    CHECK(text_of({"2", "x"}) == R"([{"$numberInt":"2"},"x"])");
    CHECK(text_of({R"("2")", "2s", "true", "null"}) == R"(["2","2s",true,null])");
    CHECK(text_of({R"({"a": [1.5]})", "{broken"}) ==
          R"([{"a":[{"$numberDouble":"1.5"}]},"{broken"])");
    CHECK(text_of({"", "诗", "-5"}) == R"(["","诗",{"$numberInt":"-5"}])");
}

TEST_CASE("a word may be Extended JSON") {
    CHECK(text_of({R"({"$numberLong": "7"})"}) == R"([{"$numberLong":"7"}])");
    CHECK(text_of({R"({"$oid": "507f1f77bcf86cd799439011"})"}) ==
          R"([{"$oid":"507f1f77bcf86cd799439011"}])");
}

TEST_CASE("no word and no object are no arguments, not even null") {
    CHECK(encode_arguments({}, std::nullopt) == bson::value(absent));
}

TEST_CASE("named arguments are an object") {
    CHECK(text_of({}, R"({"b": 1, "a": "x"})") == R"({"b":{"$numberInt":"1"},"a":"x"})");
    CHECK(text_of({}, "{}") == "{}");
    CHECK(refusal([] { text_of({}, "[1]"); }) == "--named: '[1]' is not a JSON object");
    CHECK(refusal([] { text_of({}, "{a: 1}"); }) == "--named: '{a: 1}' is not JSON");
    CHECK(refusal([] { text_of({"7"}, "{}"); }) ==
          "--named: cannot be given together with ARG '7'");
}

TEST_CASE("what BSON cannot hold is refused with the place and the reason") {
    CHECK(refusal([] {
              text_of({"1", "18446744073709551615"});
          }).starts_with("the arguments cannot be sent: [1]: "));
    CHECK(refusal([] {
              text_of({R"({"$oid": "x"})"});
          }).starts_with("the arguments cannot be sent: "));
    CHECK(refusal([] { text_of({"\xff"}); }).starts_with("the arguments cannot be sent: "));
    CHECK(refusal([] {
              text_of({std::string(200, '[') + std::string(200, ']')});
          }).starts_with("the arguments cannot be sent: "));
}

TEST_CASE("metadata is a name and a text, of equal names the last counts") {
    const auto meta = parse_metadata({"a=1", "b=x=y", "c=", "a=2"});
    CHECK(meta == metadata{{"a", "2"}, {"b", "x=y"}, {"c", ""}});
    CHECK(refusal([] { parse_metadata({"plain"}); }) == "--meta: 'plain' is not NAME=TEXT");
    CHECK(refusal([] { parse_metadata({"=x"}); }) == "--meta: '=x' is not NAME=TEXT");
}

TEST_CASE("an error has the exit code of its meaning, wherever it comes from") {
    CHECK(exit_code_of(rpc_error(errc::unavailable)) == exit_code::unavailable);
    CHECK(exit_code_of(rpc_error(errc::protocol_error)) == exit_code::protocol);
    CHECK(exit_code_of(rpc_error(errc::deadline_exceeded)) == exit_code::deadline);
    CHECK(exit_code_of(rpc_error(errc::invalid_argument)) == exit_code::failed);
    CHECK(exit_code_of(rpc_error("poem_lost", "")) == exit_code::failed);
}

TEST_CASE("an error is one line that cannot drive the terminal") {
    CHECK(error_line(rpc_error("poem_lost", "诗\nfake: line\x1b[2J")) ==
          "oocrpc: poem_lost: 诗\\nfake: line\\x1b[2J");
}

TEST_CASE("a method reads as its name, its parameters and its result") {
    method_description m;
    m.name = "demo.add";
    m.parameters = {{"a", "int32"}, {"", "double"}};
    m.result = "int32";
    CHECK(signature(m) == "demo.add(a: int32, double) -> int32");
    m.streams = true;
    m.parameters.clear();
    CHECK(signature(m) == "demo.add() -> stream of int32");
}

} // TEST_SUITE("cli_arguments")
