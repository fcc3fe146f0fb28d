#include "support/link.hpp"
#include "support/run.hpp"
#include "support/spawned.hpp"

#include <demo/conformance.hpp>

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>

#include "support/bson_samples.hpp"

using namespace oocrpc;
using namespace std::chrono_literals;
using test::settle;
using test::spawned;

namespace {

/// The service on a connection in memory, and a client of it.
struct served : test::link {
    served(const any_io_executor& ex, demo::conformance s)
        : link(ex, s.handler()),
          service(std::move(s)) {}

    demo::conformance service;
};

/// Runs `f(served&)` to its end.
template <class F> void with_demo(F f) {
    test::run([&f]() -> awaitable<void> {
        demo::conformance service;
        served s(co_await this_coro::executor, service);
        co_await f(s);
        s.close();
        co_await settle();
    });
}

/// What a call fails with, or "".
awaitable<std::string> failure_of(awaitable<json> call) {
    try {
        co_await std::move(call);
    } catch (const rpc_error& e) {
        co_return e.message() + ": " + e.detail();
    }
    co_return "";
}

json list(std::initializer_list<json> values) {
    return json(json::array_t(values));
}

} // namespace

TEST_SUITE("demo") {

TEST_CASE("add keeps integers whole, widens where they need it, and adds doubles") {
    with_demo([](served& s) -> awaitable<void> {
        auto db = s.db();
        CHECK(co_await db.call(demo::add, 2, 3) == 5);
        struct row {
            json a, b, sum;
        };
        const std::vector<row> rows{{2, 3, 5},
                                    {2147483647, 1, 2147483648},
                                    {-5, 4.5, -0.5},
                                    {0.25, 0.5, 0.75},
                                    {9007199254740993, -1, 9007199254740992}};
        for (const auto& r : rows) {
            auto arguments = list({r.a, r.b});
            auto sum = co_await db.call("add", arguments);
            CHECK(sum == r.sum);
            CHECK(sum.is_number_float() == r.sum.is_number_float());
        }
    });
}

TEST_CASE("add names the parameter that is not a number, missing or too much") {
    with_demo([](served& s) -> awaitable<void> {
        auto db = s.db();
        auto text = list({1, "2"});
        CHECK(co_await failure_of(db.call("demo.add", text)) ==
              "invalid_argument: b: expected int or double, got string");
        auto one = list({1});
        CHECK(co_await failure_of(db.call("demo.add", one)) ==
              "invalid_argument: b: missing, expected any");
        auto large = list({INT64_MAX, 1});
        CHECK(co_await failure_of(db.call("demo.add", large)) ==
              "invalid_argument: the sum exceeds an int64");
    });
}

TEST_CASE("echo gives every type of BSON back byte for byte") {
    with_demo([](served& s) -> awaitable<void> {
        const auto all = bson_samples::all_types();
        for (const auto& e : bson::elements(all)) {
            bson::value sent(e.value);
            auto back = co_await s.db().call(demo::echo, sent);
            CHECK_MESSAGE(back == sent, e.name);
        }
        bson::value whole(bson_samples::view(all));
        auto back = co_await s.db().call(demo::echo, whole);
        CHECK(back == whole);
    });
}

TEST_CASE("sleep_ms takes its time and answers it") {
    with_demo([](served& s) -> awaitable<void> {
        auto& time = oocrpc::clock::of(co_await this_coro::executor);
        const auto start = time.now();
        CHECK(co_await s.db().call(demo::sleep_ms, 1500) == 1500);
        CHECK(time.now() - start == 1500ms);
    });
}

TEST_CASE("fail answers the error that was asked for, with the number of a known one") {
    with_demo([](served& s) -> awaitable<void> {
        struct row {
            std::string message;
            int code;
        };
        const std::vector<row> rows{{"out_of_tea", 8000}, {"overloaded", 462}};
        for (const auto& r : rows) {
            int code = 0;
            try {
                co_await s.db().call(demo::fail, r.message, "says why");
            } catch (const rpc_error& e) {
                code = e.code().value();
                CHECK(e.message() == r.message);
                CHECK(e.detail() == "says why");
            }
            CHECK(code == r.code);
        }
    });
}

TEST_CASE("noreply has no result and big has as many letters as asked for") {
    with_demo([](served& s) -> awaitable<void> {
        co_await s.db().call(demo::noreply);
        auto nothing = co_await s.db().call("noreply");
        CHECK(nothing.is_null());
        auto text = co_await s.db().call(demo::big, 100'000);
        CHECK(text == std::string(100'000, 'x'));
        CHECK((co_await s.db().call(demo::big, 0)).empty());
    });
}

TEST_CASE("big refuses what no message can hold before it makes it") {
    with_demo([](served& s) -> awaitable<void> {
        auto n = list({2'000'000'000});
        auto why = co_await failure_of(s.db().call("big", n));
        CHECK(why.starts_with("message_too_large: n: 2000000000 letters"));
    });
}

TEST_CASE("negative numbers are refused by name") {
    with_demo([](served& s) -> awaitable<void> {
        auto n = list({-1});
        for (const char* method : {"big", "count"}) {
            auto why = co_await failure_of(s.db().call(method, n));
            CHECK(why == "invalid_argument: n: expected 0 or more, got -1");
        }
        CHECK(co_await failure_of(s.db().call("sleep_ms", n)) ==
              "invalid_argument: ms: expected 0 or more, got -1");
    });
}

TEST_CASE("count streams from 0, and is one array for who takes no stream") {
    with_demo([](served& s) -> awaitable<void> {
        auto items = co_await s.db().open(demo::count, 1000);
        int expected = 0;
        while (auto i = co_await items.next()) CHECK(*i == expected++);
        CHECK(expected == 1000);
        auto n = list({3});
        auto all = co_await s.db().call("count", n);
        auto three = list({0, 1, 2});
        CHECK(all == three);
    });
}

TEST_CASE("count_slow pauses before each item") {
    with_demo([](served& s) -> awaitable<void> {
        auto& time = oocrpc::clock::of(co_await this_coro::executor);
        const auto start = time.now();
        auto items = co_await s.db().open(demo::count_slow, 3, 100);
        for (int i = 0; i < 3; ++i) {
            auto item = co_await items.next();
            CHECK(item == i);
            CHECK(time.now() - start == (i + 1) * 100ms);
        }
        CHECK(!co_await items.next());
    });
}

TEST_CASE("whoami says how the server sees its caller") {
    with_demo([](served& s) -> awaitable<void> {
        call_options options;
        options.meta.set("tenant", "blue");
        auto who = co_await s.db().call(demo::whoami.with(options));
        CHECK(who.peer == "memory");
        CHECK(who.protocol == "oocrpc");
        CHECK(who.user.empty());
        const std::map<std::string, std::string> expected{{"tenant", "blue"}};
        CHECK(who.metadata == expected);
    });
}

TEST_CASE("stats counts how calls ended, and its own as one that runs") {
    with_demo([](served& s) -> awaitable<void> {
        auto db = s.db();
        co_await db.call(demo::add, 1, 2);
        auto text = list({1, "2"});
        co_await failure_of(db.call("add", text));
        co_await failure_of(db.call("nowhere"));
        auto now = co_await db.call(demo::get_stats);
        CHECK(now.begun == 4);
        CHECK(now.finished == 1);
        CHECK(now.failed == 2);
        CHECK(now.cancelled == 0);
        CHECK(now.in_flight == 1);
    });
}

TEST_CASE("a call that its caller gives up is counted as cancelled and runs no more") {
    with_demo([](served& s) -> awaitable<void> {
        co_await s.db().call(demo::noreply); // shows the callee to be one that knows cancel
        spawned call;
        auto work = [&]() -> awaitable<void> { co_await s.db().call(demo::sleep_ms, 60'000); };
        call.start(co_await this_coro::executor, work());
        co_await settle();
        CHECK(s.service.now().in_flight == 1);
        call.cancel();
        co_await settle();
        CHECK(call.done);
        CHECK(is_cancelled(call.error));
        CHECK(s.service.now().in_flight == 0);
        CHECK(s.service.now().cancelled == 1);
    });
}

TEST_CASE("a caller that hangs up cancels its calls and streams") {
    with_demo([](served& s) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        spawned sleep, stream;
        auto sleeping = [&]() -> awaitable<void> { co_await s.db().call(demo::sleep_ms, 60'000); };
        auto streaming = [&]() -> awaitable<void> {
            auto items = co_await s.db().open(demo::count_slow, 1000, 1000);
            while (co_await items.next()) {
            }
        };
        sleep.start(ex, sleeping());
        stream.start(ex, streaming());
        co_await settle();
        CHECK(s.service.now().in_flight == 2);
        s.close();
        co_await settle();
        CHECK(s.service.now().in_flight == 0);
        CHECK(s.service.now().cancelled == 2);
        CHECK(test::what(sleep.error).find("hung up") != std::string::npos);
        CHECK(stream.done);
    });
}

TEST_CASE("stats counts the connections of a server") {
    test::run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        demo::conformance service;
        server_options options;
        service.watch(options);
        server srv(ex, options);
        const auto at = srv.listen("oocrpc://demo:9000").to_string();
        spawned serving(ex, srv.run(service.handler()));
        {
            client one(ex, at), two(ex, at);
            co_await one.call(demo::noreply);
            const auto now = co_await two.call(demo::get_stats);
            CHECK(now.connections == 2);
        }
        srv.drain();
        co_await settle();
        CHECK(serving.done);
        CHECK(service.now().connections == 0);
    });
}

} // TEST_SUITE("demo")
