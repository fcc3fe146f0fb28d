#include "support/demo_service.hpp"
#include "support/run.hpp"
#include "support/scripted_peer.hpp"
#include "support/spawned.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/testing/fails.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;
using testing::scripted_server;

namespace {

/// How the scripts went that `theirs` and `ours` play against each other.
std::string verdict(script theirs, script ours) {
    std::string text;
    run([&]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<script> scripts;
        scripts.push_back(std::move(theirs));
        scripted_server alpha(ex, "oocrpc://alpha:0", std::move(scripts));
        {
            const auto at = url::parse(alpha.url());
            scripted_peer here(co_await connect_stream(at));
            co_await here.play(std::move(ours));
            co_await settle();
        }
        try {
            co_await alpha.done();
        } catch (const std::runtime_error& e) {
            text = e.what();
        }
    });
    return text;
}

} // namespace

TEST_SUITE("testing_scripted_peer") {

TEST_CASE("two scripts that fit play against each other") {
    script theirs{expect{R"({"x": "$x", "y": 2})"}, pass_time{5ms}, sends{R"({"back": "$x"})"},
                  expect_close{}};
    script ours{sends{R"({"x": [1, 2], "y": 2})"}, expect{R"({"back": [1, 2]})"}};
    CHECK(verdict(theirs, ours) == "");
}

TEST_CASE("a frame that is not the expected one is told beside it") {
    CHECK(verdict({expect{R"({"x": 1})"}}, {sends{R"({"x": 2})"}}) ==
          R"(expected {"x":1}, got {"x":2})");
    CHECK(verdict({expect{R"({"x": 1})"}}, {sends{R"({"y": 1})"}}) ==
          R"(expected {"x":1}, got {"y":1})");
    CHECK(verdict({expect{R"({"x": "$_"})"}}, {send_half{R"({"x": 2})"}, close_stream{}}) ==
          R"(expected {"x":"$_"}, got null)");
    CHECK(verdict({expect_close{}}, {sends{R"({"x": 2})"}}) == R"(expected the end, got {"x":2})");
}

TEST_CASE("a script that sends where nobody is left fails") {
    const auto broken = std::error_code(asio::error::broken_pipe).message();
    CHECK(verdict({expect_close{}, sends{R"({"x":1})"}}, {}) ==
          R"(cannot send {"x":1}: )" + broken);
    CHECK(verdict({expect_close{}, send_half{R"({"x":1})"}}, {}) ==
          R"(cannot send half of {"x":1}: )" + broken);
    CHECK(verdict({expect_close{}, send_bytewise{R"({"x":1})"}}, {}) ==
          R"(cannot send bytes of {"x":1}: )" + broken);
    CHECK(verdict({expect_close{}, send_bytes{"four"}}, {}) == "cannot send 4 bytes: " + broken);
}

TEST_CASE("a frame may come byte by byte, and a stream may end in one direction") {
    script theirs{expect{R"({"x": 1})"}, expect_close{}, sends{R"({"y": 1})"}};
    script ours{send_bytewise{R"({"x": 1})"}, half_close{}, expect{R"({"y": 1})"}, expect_close{}};
    CHECK(verdict(theirs, ours) == "");
}

TEST_CASE("each connection of a scripted server has its own script, and then nobody listens") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<script> scripts{{sends{R"({"n": 1})"}}, {sends{R"({"n": 2})"}}};
        scripted_server alpha(ex, "oocrpc://alpha:9000", std::move(scripts));
        const auto at = url::parse("oocrpc://alpha:9000");
        for (int i = 1; i <= 2; ++i) {
            scripted_peer here(co_await connect_stream(at));
            const auto frame = co_await here.next_frame();
            CHECK(frame["n"] == i);
        }
        co_await alpha.done();
        CHECK_FAILS(connect_stream(at), errc::unavailable);
    });
}

TEST_CASE("the scripts of a server play beside each other") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<script> scripts{{expect{R"({"n": 1})"}, sends{R"({"n": 1})"}},
                                    {expect{R"({"n": 2})"}, sends{R"({"n": 2})"}}};
        scripted_server alpha(ex, "oocrpc://alpha:9000", std::move(scripts));
        const auto at = url::parse("oocrpc://alpha:9000");
        scripted_peer first(co_await connect_stream(at)), second(co_await connect_stream(at));
        script two{sends{R"({"n": 2})"}, expect{R"({"n": 2})"}};
        co_await second.play(std::move(two));
        script one{sends{R"({"n": 1})"}, expect{R"({"n": 1})"}};
        co_await first.play(std::move(one));
        co_await alpha.done();
    });
}

TEST_CASE("a script that fails ends the others, also those that have no connection yet") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<script> scripts{{expect_close{}}, {expect{R"({"n": 2})"}}, {}};
        scripted_server alpha(ex, "oocrpc://alpha:9000", std::move(scripts));
        const auto at = url::parse("oocrpc://alpha:9000");
        scripted_peer first(co_await connect_stream(at));
        co_await connect_stream(at);
        std::string why;
        try {
            co_await alpha.done();
        } catch (const std::runtime_error& e) {
            why = e.what();
        }
        CHECK(why == R"(expected {"n":2}, got null)");
    });
}

TEST_CASE("a script that fails fails the case where nobody waits for its end") {
    CHECK_THROWS_WITH(run([]() -> awaitable<void> {
                          const auto ex = co_await this_coro::executor;
                          std::vector<script> scripts{{expect{R"({"n": 1})"}}};
                          scripted_server alpha(ex, "oocrpc://alpha:9000", std::move(scripts));
                          const auto at = url::parse("oocrpc://alpha:9000");
                          co_await connect_stream(at);
                          co_await settle();
                      }),
                      doctest::Contains("that nobody received, expected {\"n\":1}, got null"));
}

TEST_CASE("a scripted server answers a client") {
    run([]() -> awaitable<void> {
        std::vector<script> scripts{{expect{R"({"call": {"funcname": "add", "arguments": [2, 3]},
                                                "id": "$id"})"},
                                     sends{R"({"reply": 6, "id": "$id"})"}, expect_close{}}};
        scripted_server alpha(co_await this_coro::executor, "oocrpc://alpha:9000", scripts);
        {
            client db = co_await connect("oocrpc://alpha:9000");
            CHECK(co_await db.call(add, 2, 3) == 6);
        }
        co_await alpha.done();
    });
}

TEST_CASE("a scripted peer calls a server and hangs up in one direction after the answer") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server alpha(ex);
        const auto at = alpha.listen("oocrpc://alpha:9000");
        task_group serving(ex);
        serving.spawn(alpha.run(make_demo()));
        {
            scripted_peer caller(co_await connect_stream(at));
            script steps{sends{R"({"call": {"funcname": "add", "arguments": [2, 3]}, "id": 7})"},
                         expect{R"({"reply": 5, "id": 7})"}, half_close{}, expect_close{}};
            co_await caller.play(std::move(steps));
        }
        alpha.drain();
        co_await serving.join();
    });
}

} // TEST_SUITE("testing_scripted_peer")
