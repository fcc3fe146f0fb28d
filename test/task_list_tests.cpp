#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/task_list.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

TEST_SUITE("task_list") {

TEST_CASE("a task is listed with its place and time until it ends") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        auto& list = task_list::of(io);
        task_group tasks(co_await this_coro::executor);
        const auto first = time.now();
        auto sleep = [](duration d) -> awaitable<void> { co_await sleep_for(d); };
        tasks.spawn(sleep(10s));
        const unsigned line = __LINE__ - 1;
        co_await sleep_for(1s);
        tasks.spawn(sleep(1s));
        const auto all = list.all();
        REQUIRE(all.size() == 2);
        CHECK(all[0].since == first);
        CHECK(all[0].made.line() == line);
        CHECK(std::string(all[0].made.file_name()).find("task_list_tests.cpp") !=
              std::string::npos);
        CHECK(all[1].since == first + 1s);
        co_await sleep_for(2s);
        CHECK(list.all().size() == 1);
        co_await tasks.join();
        CHECK(list.all().empty());
    });
}

TEST_CASE("a task is listed with the owner of its group") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        task_group nobodys(ex), poems(ex, "poems");
        nobodys.spawn(sleep_for(1s));
        poems.spawn(sleep_for(1s));
        const auto all = task_list::of(io).all();
        REQUIRE(all.size() == 2);
        CHECK(all[0].owner == "");
        CHECK(all[1].owner == "poems");
        co_await sleep_for(2s);
    });
}

TEST_CASE("a client's attempt to connect is listed, with the place of the client, until it ends") {
    run([](testing::memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto& list = task_list::of(ex);
        net.host("alpha").partition();
        client db(ex, "oocrpc://alpha:9000");
        const unsigned line = __LINE__ - 1;
        auto call = [&]() -> awaitable<void> {
            json none = json::array();
            co_await db.call("add", std::move(none));
        };
        spawned calling(ex, call());
        co_await settle();
        const auto all = list.all();
        net.host("alpha").heal(); // nobody listens there
        co_await settle();
        CHECK(calling.done);
        CHECK(list.all().empty());
        REQUIRE(all.size() == 1);
        CHECK(all[0].made.line() == line);
        CHECK(all[0].owner == "oocrpc://alpha:9000");
    });
}

TEST_CASE("tasks that outlive their loop leave the list without it") {
    std::optional<task_group> tasks;
    {
        asio::io_context io;
        tasks.emplace(io.get_executor());
        auto sleep = []() -> awaitable<void> { co_await sleep_for(1h); };
        tasks->spawn(sleep());
        io.poll();
        CHECK(task_list::of(io).all().size() == 1);
    }
    tasks.reset();
}

TEST_CASE("an armed timer tells where it was made") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        timer late(co_await this_coro::executor);
        const unsigned line = __LINE__ - 1;
        CHECK(time.armed_at().empty());
        late.arm(time.after(1h), [] {});
        timer early(co_await this_coro::executor);
        early.arm(time.after(1s), [] {});
        const auto places = time.armed_at();
        REQUIRE(places.size() == 2);
        CHECK(places[0].line() == line + 4);
        CHECK(places[1].line() == line);
        late.disarm();
        early.disarm();
    });
}

TEST_CASE("an error that nobody received is reported with the place of its promise or task") {
    const unhandled_log unhandled;
    unsigned promised = 0, spawned_at = 0;
    run([&]() -> awaitable<void> {
        {
            promise<int> p;
            promised = __LINE__ - 1;
            p.fail(std::runtime_error("nobody looks"));
        }
        auto fail = []() -> awaitable<void> {
            throw std::runtime_error("nobody joins");
            co_return;
        };
        {
            task_group tasks(co_await this_coro::executor);
            tasks.spawn(fail());
            spawned_at = __LINE__ - 1;
        }
    });
    REQUIRE(unhandled.places().size() == 2);
    CHECK(unhandled.places()[0].line() == promised);
    CHECK(unhandled.places()[1].line() == spawned_at);
}

} // TEST_SUITE("task_list")
