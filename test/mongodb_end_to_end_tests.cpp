// Our client and our server over MongoDB's protocol, on one port with the native one.

#include "support/mongodb_service.hpp"
#include "support/served.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

namespace {

constexpr method<int(int, int)> add{"demo.add", {"a", "b"}};
constexpr method<int(int)> slow{"demo.slow", {"ms"}};
constexpr method<stream<int>(int, int)> count{"demo.count", {"n", "ms"}};
constexpr method<void(std::string)> log_text{"demo.log", {"text"}};

/// A server of ours, and a client of it over MongoDB's protocol.
struct both_ends {
    explicit both_ends(const any_io_executor& ex, const std::string& options = {},
                       server_options ours = {})
        : own(ex, std::move(ours)),
          port(std::to_string(own.listen("oocrpc://127.0.0.1:0").port)),
          db(ex, "mongodb://127.0.0.1:" + port + "/demo" + options) {
        auto body = own.run(make_mongodb_demo(trace));
        run.start(ex, std::move(body));
    }
    awaitable<void> stop() {
        db.close();
        own.drain();
        while (!run.done) co_await sleep_for(1ms);
        CHECK(what(run.error) == "");
    }

    service_trace trace;
    server own;
    std::string port;
    client db;
    spawned run;
};

template <class F> void with_both_ends(const std::string& options, F f) {
    run([&](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        both_ends e(io.get_executor(), options);
        co_await f(e);
        co_await e.stop();
    });
}

awaitable<bool> eventually(std::function<bool()> condition) {
    for (int i = 0; i < 1'000 && !condition(); ++i) co_await sleep_for(1ms);
    co_return condition();
}

} // namespace

TEST_SUITE("mongodb_end_to_end") {

TEST_CASE("calls are typed, dynamic and one-way, compressed or not") {
    for (auto* options : {"", "?compressors=zlib", "?compressors=snappy", "?compressors=zstd"})
        with_both_ends(options, [](both_ends& e) -> awaitable<void> {
            CHECK(co_await e.db.call(add, 2, 3) == 5);
            auto two = json::array({2, 3});
            CHECK(co_await outcome(e.db, "add", std::move(two)) == "5"); // the URL's service
            CHECK(co_await outcome(e.db, "demo.nothing") == "null");
            CHECK(co_await outcome(e.db, "demo.missing") ==
                  "no_such_method: no such command: 'missing'");
            auto told = json::array({"calc.overflow", "\u592a\u5927", 8123});
            CHECK(co_await outcome(e.db, "demo.fail", std::move(told)) ==
                  "calc.overflow: \u592a\u5927");
            co_await e.db.notify(log_text, "typed");
            auto text = json::array({"dynamic"});
            co_await e.db.notify("log", std::move(text));
            auto insert = json::parse(R"({"insert": "log", "documents": [{"text": "a"},
                                                                         {"text": "b"}]})");
            co_await e.db.notify("demo.$cmd", std::move(insert));
            CHECK(co_await e.db.call(add, 1, 1) == 2); // gets its own answer
            co_await eventually([&] { return e.trace.logged.size() == 4; });
            CHECK(e.trace.logged == std::vector<std::string>{"typed", "dynamic", "a", "b"});
        });
}

TEST_CASE("streams of several batches arrive complete, as items and as one array") {
    with_both_ends("", [](both_ends& e) -> awaitable<void> {
        auto items = co_await e.db.open(count, 1000, 0);
        int next = 0;
        while (auto i = co_await items.next())
            if (*i == next) ++next;
        CHECK(next == 1000);
        auto n = json::array({300, 0});
        const json all = co_await e.db.call("demo.count", std::move(n));
        CHECK(all.size() == 300);
        CHECK(all.back() == 299);
    });
}

TEST_CASE("who leaves a stream or gives a call up stops the handler") {
    with_both_ends("", [](both_ends& e) -> awaitable<void> {
        {
            auto items = co_await e.db.open(count, 1'000'000, 1);
            co_await items.next();
        }
        CHECK(co_await eventually([&] { return e.trace.stopped == 1; }));
        const auto wait = [](client& db) -> awaitable<void> { co_await db.call(slow, 60'000); };
        spawned waiting(co_await this_coro::executor, wait(e.db));
        co_await eventually([&] { return e.trace.begun == 2; });
        waiting.cancel();
        CHECK(co_await eventually([&] { return e.trace.stopped == 2; }));
        CHECK(co_await e.db.call(add, 1, 1) == 2);
        CHECK(e.own.connections() == 1);
    });
}

TEST_CASE("a deadline stops the handler and says that it was ours") {
    with_both_ends("", [](both_ends& e) -> awaitable<void> {
        auto ms = json::array({60'000});
        call_options brief{100ms, {}};
        CHECK(co_await outcome(e.db, "demo.slow", std::move(ms), std::move(brief)) ==
              "deadline_exceeded: call deadline of 100 ms passed");
        CHECK(co_await eventually([&] { return e.trace.stopped == 1; }));
    });
}

TEST_CASE("commands get whole replies") {
    with_both_ends("", [](both_ends& e) -> awaitable<void> {
        auto ping = json::parse(R"({"ping": 1})");
        const json pong = co_await e.db.command("admin", std::move(ping));
        CHECK(pong.dump() == R"({"ok":1.0})");
        auto hello = json::parse(R"({"hello": 1})");
        const json about = co_await e.db.command("admin", std::move(hello));
        CHECK(about["isWritablePrimary"] == true);
        auto sum = json::parse(R"({"add": 1, "a": 20, "b": 22})");
        const json answer = co_await e.db.command("demo", std::move(sum));
        CHECK(answer.dump() == R"({"reply":42,"ok":1.0})");
    });
}

TEST_CASE("16 MB travel both ways, and what is larger is refused here") {
    with_both_ends("", [](both_ends& e) -> awaitable<void> {
        const std::string text(16'000'000, 'x');
        auto there = json::array({json::object({{"text", text}})});
        const json back = co_await e.db.call("demo.keep", std::move(there));
        CHECK(back["text"] == text);
        auto huge = json::array({std::string(17'000'000, 'x')});
        const auto refused = co_await outcome(e.db, "demo.log", std::move(huge));
        CHECK(refused.starts_with("message_too_large: "));
        CHECK(co_await e.db.call(add, 1, 1) == 2);
    });
}

} // TEST_SUITE("mongodb_end_to_end")
