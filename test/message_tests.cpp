#include "support/test.hpp"

#include <oocrpc/bson_value.hpp>
#include <oocrpc/message.hpp>

using namespace oocrpc;

TEST_SUITE("message") {

TEST_CASE("a message that owns outlives the bytes it was made from, and so does a copy") {
    auto text = std::make_unique<std::string>("demo.add");
    auto body = std::make_unique<byte_buffer>();
    const bson::value_view five{bson::put(*body, 5), *body};
    auto m = message::call(*text, five);
    message copy = m;
    m.own();
    *text = "????????";
    body.reset();
    for (auto* each : {&m, &copy}) {
        CHECK(each->method == "demo.add");
        CHECK(each->body.as_int32() == 5);
    }
    message moved = std::move(m);
    CHECK(moved.method == "demo.add");
    copy = moved;
    CHECK(copy.body.as_int32() == 5);
}

TEST_CASE("a copy of an error has a failure of its own") {
    const auto m = message::error(3, errc::overloaded, "busy");
    message copy = m;
    copy.fault->detail = "other";
    CHECK(m.fault->detail == "busy");
    CHECK(m.to_error_code() == errc::overloaded);
    CHECK(message::reply(3, {}).to_error_code() == std::error_code());
    const rpc_error mine("mine", "text", 77);
    CHECK(message::error(1, mine).to_exception().code().value() == 77);
}

TEST_CASE("no arguments differ from null") {
    CHECK(!present(message::call("f").body));
    CHECK(present(bson::value_view{bson::type::null, {}}));
}

} // TEST_SUITE("message")
