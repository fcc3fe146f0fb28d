#include "support/mongodb.hpp"
#include "support/served.hpp"
#include "support/test.hpp"

#include "../lib/detecting_codec.hpp"

using namespace oocrpc;
namespace t = oocrpc::test::mongodb;

namespace {

decoded look(std::string_view data) {
    detecting_codec codec{limits()};
    message m;
    return codec.decode(t::view(data), m);
}
/// The protocol that these bytes are taken for.
std::string found(std::string_view data) {
    detecting_codec codec{limits()};
    message m;
    const auto d = codec.decode(t::view(data), m);
    CHECK(d.size == 0);
    return d.what == decoded::state::other ? std::string(codec.successor()->protocol()) : "none";
}

} // namespace

TEST_SUITE("detecting_codec") {

TEST_CASE("the first bytes tell which protocol a connection speaks") {
    CHECK(found(test::frame(R"({"call": {"funcname": "f"}})")) == "oocrpc");
    for (const int operation : {1, 1000, 2001, 2002, 2004, 2005, 2006, 2007, 2012, 2013})
        CHECK(found(t::message(operation, "abc")) == "mongodb");
    CHECK(found(t::msg(R"({"hello": 1, "$db": "admin"})").substr(0, 16)) == "mongodb");
}

TEST_CASE("a native frame is one whatever stands where MongoDB has its operation") {
    // Read as MongoDB's, a length of 258 is 33,619,968, which is possible, and most are not.
    for (std::size_t size = 20; size < 600; ++size) {
        auto body = json::object();
        body["call"] = {{"funcname", std::string(size, 'f')}};
        CHECK(found(test::frame_of(body)) == "oocrpc");
    }
}

TEST_CASE("what is neither is refused once that is certain") {
    CHECK(look("").what == decoded::state::incomplete);
    CHECK(look("GE").what == decoded::state::incomplete);
    const auto data = t::message(2003, "abc");
    CHECK(look(data.substr(0, 15)).what == decoded::state::incomplete);
    CHECK(look(data).what == decoded::state::malformed);
    CHECK(look(data).reason.find("operation 2003") != std::string::npos);
    // Too long for either: the native protocol has an error for that.
    CHECK(found(std::string(4, '\xff')) == "oocrpc");
}

TEST_CASE("one port answers both protocols, a driver's call as MongoDB does") {
    test::run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        service demo{"demo"};
        demo.on(method<int(int, int)>{"add"}, [](int a, int b) { return a + b; });
        auto serve = std::make_shared<const handler>(demo);
        for (const bool driver : {true, false}) {
            auto [ours, theirs] = make_stream_pair(ex, ex);
            auto codec = std::make_unique<detecting_codec>(limits());
            auto c = connection::start(std::move(ours), std::move(codec), serve);
            test::byte_peer peer(std::move(theirs));
            const auto call =
                driver ? t::msg(R"({"add": [2, 3], "$db": "demo"})", 0, 77)
                       : test::frame(R"({"call": {"funcname": "demo.add", "arguments": [2, 3]}})");
            for (const char byte : call) {
                std::string one(1, byte);
                co_await peer.write(std::move(one));
            }
            const auto answer = co_await peer.read();
            const auto expected =
                driver ? t::document(R"({"reply": 5, "ok": 1.0})") : t::document(R"({"reply": 5})");
            CHECK(answer.ends_with(expected));
            CHECK(c->info().protocol == (driver ? "mongodb" : "oocrpc"));
            peer.stream().close();
            co_await test::settle();
        }
    });
}

TEST_CASE("what either protocol may begin with waits until it is told which") {
    // 66,048 bytes for the native protocol, 131,328 for MongoDB.
    const std::string both("\0\1\2\0", 4);
    CHECK(look(both).what == decoded::state::incomplete);
    CHECK(look(both).size == 16);
    CHECK(look(both + "abcd").what == decoded::state::incomplete);
    CHECK(found(both + std::string("\0\2\1\0", 4)) == "oocrpc");
    CHECK(found(both + "abcdabcd" + t::int32(2013)) == "mongodb");
    CHECK(found(both + "abcdabcd" + t::int32(4711)) == "oocrpc");
    // Too short for a native frame.
    CHECK(found(std::string("\0\0\0\2", 4) + "abcdabcd" + t::int32(2013)) == "mongodb");
}

} // TEST_SUITE("detecting_codec")
