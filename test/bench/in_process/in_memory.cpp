// What a call costs without a network: both ends of a connection in memory, in one thread. A
// benchmark is called OPERATION/WHAT; items are calls.

#include <benchmark/benchmark.h>

#include <oocrpc/service.hpp>

#include "demo/methods.hpp"
#include "support/link.hpp"

namespace {

using namespace oocrpc;

constexpr method<void()> hang{"demo.hang"};
constexpr int calls_each = 64; // that a coroutine makes before it ends

awaitable<int> add_later(int a, int b) {
    co_return a + b;
}
awaitable<int> add_after_a_turn(int a, int b) {
    co_await asio::post(co_await this_coro::executor, use_awaitable);
    co_return a + b;
}
awaitable<void> wait_for_ever() {
    promise<void> never;
    co_await never.wait();
}

service make_service() {
    service s("demo");
    s.on(demo::add, [](int a, int b) { return a + b; })
        .on(demo::add_coroutine, add_later)
        .on(demo::add_suspending, add_after_a_turn)
        .on(hang, wait_for_ever);
    return s;
}

template <class M> awaitable<void> call_many(peer db, M m) {
    for (int i = 0; i < calls_each; ++i)
        if (co_await db.call(m, 2, 3) != 5) throw std::logic_error("2 + 3 is not 5");
}

/// Calls `m`, `in_flight` at a time.
template <class M> void call(benchmark::State& s, M m, int in_flight) {
    asio::io_context loop(1);
    const test::link both(loop.get_executor(), make_service());
    int left = 0;
    for (auto _ : s) {
        left = in_flight;
        for (int i = 0; i < in_flight; ++i)
            asio::co_spawn(loop, call_many(both.db(), m), [&](std::exception_ptr e) {
                if (e) std::rethrow_exception(e);
                --left;
            });
        while (left > 0) loop.run_one();
    }
    s.SetItemsProcessed(s.iterations() * in_flight * calls_each);
}

awaitable<void> give_up(peer db) {
    try {
        co_await db.call(hang);
    } catch (const rpc_error&) {
        co_return;
    }
    throw std::logic_error("a call was not cancelled");
}

/// Makes a call whose handler waits, cancels it, and sees both ends unwound.
void cancel(benchmark::State& s) {
    asio::io_context loop(1);
    const test::link both(loop.get_executor(), make_service());
    for (auto _ : s) {
        asio::cancellation_signal signal;
        bool over = false;
        asio::co_spawn(loop, give_up(both.db()),
                       asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) {
                           if (e) std::rethrow_exception(e);
                           over = true;
                       }));
        loop.poll();
        signal.emit(asio::cancellation_type::terminal);
        loop.poll();
        if (!over) throw std::logic_error("a cancelled call did not end");
    }
    s.SetItemsProcessed(s.iterations());
}

/// Finds the handler by name, reads the arguments, calls it and writes the result.
void dispatch(benchmark::State& s) {
    asio::io_context loop(1);
    auto [here, there] = make_stream_pair(loop.get_executor(), loop.get_executor());
    const auto on = connection::start(std::move(here), std::make_unique<native_codec>(), nullptr);
    const auto serve = make_service();
    context c(*on);
    const auto arguments = bson::to_value(std::tuple(2, 3));
    for (auto _ : s) {
        c.scratch().clear();
        auto answer = serve(c, message::call(demo::add.name(), arguments));
        benchmark::DoNotOptimize(answer);
    }
    s.SetItemsProcessed(s.iterations());
    on->close(rpc_error(errc::unavailable, "the benchmark is over"));
}

void add_call(const char* name, auto m, int in_flight = 64) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& s) { call(s, m, in_flight); });
}

} // namespace

int main(int argc, char** argv) {
    benchmark::RegisterBenchmark("dispatch/plain handler", dispatch);
    add_call("call/plain handler", demo::add);
    add_call("call/plain handler, one at a time", demo::add, 1);
    add_call("call/coroutine that does not suspend", demo::add_coroutine);
    add_call("call/coroutine that suspends once", demo::add_suspending);
    add_call("call/with a deadline of its own", demo::add.with(deadline(std::chrono::seconds(1))));
    benchmark::RegisterBenchmark("call/cancelled while the handler waits", cancel);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
