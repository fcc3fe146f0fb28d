// What may be used from several threads; meant for ThreadSanitizer.

#include "support/demo_service.hpp"
#include "support/test.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/layers.hpp>
#include <oocrpc/server.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <thread>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

/// A loop with a thread of its own, which ends with it.
struct loop {
    loop() : working(asio::make_work_guard(io)), thread([this] { io.run(); }) {}
    ~loop() {
        working.reset();
        thread.join();
    }
    /// Runs `f` on the loop and waits for it.
    template <class F> void on(F f) {
        asio::post(io, asio::use_future([&f] { f(); })).get();
    }

    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> working;
    std::thread thread;
};

/// A server on a loop of its own that shares its port and its handler with others.
struct served_loop {
    served_loop(const std::string& at, handler h) {
        on.on([&] {
            server_options options;
            options.sharing = port_sharing::shared;
            own = std::make_unique<server>(on.io.get_executor(), options);
            where = own->listen(at).to_string();
            ended = asio::co_spawn(on.io, own->run(std::move(h)), asio::use_future);
        });
    }
    ~served_loop() {
        on.on([&] { own->drain(); });
        ended.get();
        on.on([&] { own.reset(); });
    }
    loop on;
    std::unique_ptr<server> own;
    std::string where;
    std::future<void> ended;
};

} // namespace

TEST_SUITE("threads") {

TEST_CASE("several loops serve one table, and clients are called from foreign threads") {
    std::atomic<int> served = 0;
    service s = make_demo();
    constexpr method<int(int)> tick{"tick", {"n"}};
    s.on(tick, [&](int n) {
        ++served;
        return n;
    });
    served_loop first("oocrpc://127.0.0.1:0", s);
    served_loop second(first.where, s);
    loop calling;
    auto db = std::make_unique<client>(calling.io.get_executor(), first.where);
    constexpr int threads = 4, calls = 50;
    std::atomic<int> right = 0;
    {
        std::vector<std::thread> foreign;
        for (int t = 0; t < threads; ++t)
            foreign.emplace_back([&, t] {
                asio::io_context own;
                auto body = [&]() -> awaitable<void> {
                    for (int i = 0; i < calls; ++i) {
                        const int n = t * 1000 + i;
                        if (co_await db->call(tick, n) == n) ++right;
                    }
                };
                asio::co_spawn(own, body(), [](std::exception_ptr e) {
                    if (e) std::rethrow_exception(e);
                });
                own.run();
                call_options options;
                auto answer = db->async_call(message::call("oocrpc.ping"), std::move(options),
                                             asio::use_future);
                if (answer.get().kind == message_kind::reply) ++right;
            });
        for (auto& t : foreign) t.join();
    }
    CHECK(right == threads * (calls + 1));
    CHECK(served == threads * calls);
    db.reset(); // closes on the loop that it lives on, from here
}

TEST_CASE("loops that share a limit lose no place, however the calls that wait for one end") {
    const handler shared = limited(make_demo(), 2, 300);
    served_loop first("oocrpc://127.0.0.1:0", shared);
    served_loop second(first.where, shared);
    const auto rethrow = [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    };
    constexpr int threads = 4, calls = 50;
    std::atomic<int> served = 0, late = 0;
    {
        std::vector<std::thread> foreign;
        for (int t = 0; t < threads; ++t)
            foreign.emplace_back([&, t] {
                asio::io_context own;
                client db(own.get_executor(), first.where);
                int ended = 0;
                auto one = [&](int i) -> awaitable<void> {
                    call_options options;
                    options.when = std::chrono::milliseconds(i % 4);
                    json span = json::array({1});
                    try {
                        co_await db.call("slow", std::move(span), std::move(options));
                        ++served;
                    } catch (const rpc_error&) { // before or after it had its place
                        ++late;
                    }
                    ++ended;
                };
                auto all = [&]() -> awaitable<void> {
                    co_await db.call(add, 1, 2); // it is connected
                    for (int i = 0; i < calls; ++i) asio::co_spawn(own, one(i + t), rethrow);
                };
                asio::co_spawn(own, all(), rethrow);
                while (ended < calls && own.run_one_for(60s)) {
                }
            });
        for (auto& t : foreign) t.join();
    }
    CHECK(served + late == threads * calls);
    CHECK(late >= threads * calls / 4 - threads); // those that had no time at all
    asio::io_context own;
    client db(own.get_executor(), first.where);
    int ended = 0;
    auto one = [&]() -> awaitable<void> { ended += co_await db.call(slow, 5); };
    for (int i = 0; i < 3; ++i) asio::co_spawn(own, one(), rethrow);
    while (ended < 15 && own.run_one_for(60s)) {
    }
    CHECK(ended == 15);
}

TEST_CASE("a call from elsewhere that is cancelled as soon as it is made ends at once") {
    served_loop serving("oocrpc://127.0.0.1:0", make_demo());
    loop calling;
    auto db = std::make_unique<client>(calling.io.get_executor(), serving.where);
    asio::io_context own;
    std::string text;
    auto body = [&]() -> awaitable<void> {
        co_await db->call(add, 1, 2); // it is connected
        asio::cancellation_signal stop;
        auto slow_one = db->call(slow, 60'000);
        bool ended = false;
        asio::co_spawn(own, std::move(slow_one),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, int) {
                           ended = true;
                           text = e && is_cancelled(e) ? "cancelled" : "something else";
                       }));
        int turns = 0;
        while (!ended) {
            if (turns++ < 4) stop.emit(asio::cancellation_type::terminal);
            co_await asio::post(use_awaitable);
        }
    };
    asio::co_spawn(own, body(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    own.run();
    CHECK(text == "cancelled");
    db.reset();
}

TEST_CASE("a call made from a foreign thread can be cancelled there") {
    served_loop serving("oocrpc://127.0.0.1:0", make_demo());
    loop calling;
    auto db = std::make_unique<client>(calling.io.get_executor(), serving.where);
    asio::io_context own;
    asio::cancellation_signal stop;
    std::string text;
    auto body = [&]() -> awaitable<void> {
        co_await db->call(add, 1, 2); // it is connected
        try {
            co_await db->call(slow, 60'000);
        } catch (const rpc_error& e) {
            text = e.message();
        }
    };
    asio::co_spawn(own, body(),
                   asio::bind_cancellation_slot(stop.slot(), [](std::exception_ptr) {}));
    asio::steady_timer later(own, 50ms);
    later.async_wait([&](std::error_code) { stop.emit(asio::cancellation_type::terminal); });
    own.run();
    CHECK(text == "cancelled");
    db.reset();
}

} // TEST_SUITE("threads")
