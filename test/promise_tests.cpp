#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using test::settle;
using test::spawned;
using test::unhandled_log;

namespace {

using log = std::vector<std::string>;

/// Awaits `p` and writes down how that ended.
template <class T> awaitable<void> watch(promise<T> p, log& to, std::string name = {}) {
    std::string text;
    try {
        T value = co_await p.wait();
        if constexpr (std::is_same_v<T, int>)
            text = std::to_string(value);
        else
            text = value;
    } catch (const std::exception& e) {
        text = e.what();
    }
    to.push_back(name + text);
}

/// Counts how often it is copied.
struct copied {
    explicit copied(int& n) : count(&n) {}
    copied(const copied& other) : count(other.count) { ++*count; }
    copied(copied&&) = default;
    int* count;
};

} // namespace

TEST_SUITE("promise") {

TEST_CASE("an awaiter gets the value that is fired later") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        log seen;
        spawned w(ex, watch(p, seen));
        co_await settle();
        CHECK(seen.empty());
        CHECK_FALSE(p.fired());
        p.fire(7);
        CHECK(p.fired());
        CHECK(seen.empty()); // resumed by post, never inside of fire()
        co_await settle();
        CHECK(seen == log{"7"});
    });
}

TEST_CASE("a promise may fire before anyone awaits, and then nobody is suspended") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        promise<std::string> p;
        p.fire("early");
        bool ran = false;
        asio::post(io, [&ran] { ran = true; });
        CHECK(co_await p.wait() == "early");
        CHECK(co_await p.wait() == "early");
        CHECK_FALSE(ran);
        co_await settle();
    });
}

TEST_CASE("a promise of nothing fires and fails") {
    run([]() -> awaitable<void> {
        promise<void> p;
        p.fire();
        co_await p.wait();
        co_await promise<void>::resolved().wait();
        auto failed = promise<void>::failed(std::runtime_error("no"));
        CHECK_THROWS_WITH_AS(co_await failed.wait(), "no", std::runtime_error);
    });
}

TEST_CASE("a failure is thrown to the awaiter as what it was") {
    run([]() -> awaitable<void> {
        promise<int> p;
        p.fail(std::out_of_range("far"));
        CHECK_THROWS_WITH_AS(co_await p.wait(), "far", std::out_of_range);
        CHECK_THROWS_WITH_AS(co_await p.wait(), "far", std::out_of_range);
        promise<int> q;
        q.fail(std::make_exception_ptr(std::out_of_range("ptr")));
        CHECK_THROWS_WITH_AS(co_await q.wait(), "ptr", std::out_of_range);
    });
}

TEST_CASE("a second fire throws already_fired, whichever came first") {
    promise<int> p;
    p.fire(1);
    CHECK_THROWS_AS(p.fire(2), already_fired);
    CHECK_THROWS_AS(p.fail(std::runtime_error("late")), already_fired);
    CHECK_THROWS_AS(p.fire(promise<int>::resolved(3)), already_fired);
    unhandled_log unhandled;
    auto q = promise<int>::failed(std::runtime_error("first"));
    CHECK_THROWS_AS(q.fire(2), already_fired);
}

TEST_CASE("resolved and failed are promises that have fired") {
    run([]() -> awaitable<void> {
        auto good = promise<int>::resolved(5);
        CHECK(good.fired());
        CHECK(co_await good.wait() == 5);
        auto bad = promise<int>::failed(std::runtime_error("bad"));
        CHECK(bad.fired());
        CHECK_THROWS_WITH(co_await bad.wait(), "bad");
    });
}

TEST_CASE("a failure that nobody looked at is reported once, when the last handle dies") {
    unhandled_log unhandled;
    {
        promise<int> p;
        auto copy = p;
        p.fail(std::runtime_error("lost"));
        p = promise<int>();
        CHECK(unhandled.errors().empty());
    }
    CHECK(unhandled.errors() == log{"lost"});
}

TEST_CASE("a failure that an awaiter received is not reported") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        log seen;
        promise<int> p;
        spawned w(ex, watch(p, seen));
        p.fail(std::runtime_error("seen"));
        p = promise<int>();
        co_await settle();
        CHECK(seen == log{"seen"});
    });
    CHECK(unhandled.errors().empty());
}

TEST_CASE("awaiting a promise and giving up before it fails leaves the failure unhandled") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        log seen;
        promise<int> p;
        spawned a(ex, watch(p, seen, "a "));
        spawned b(ex, watch(p, seen, "b "));
        a.cancel();
        p.fail(std::runtime_error("late"));
        co_await settle();
        CHECK(seen == log{"a cancelled", "b late"});
    });
    CHECK(unhandled.errors().empty());
}

TEST_CASE("a value that nobody looked at is dropped in silence") {
    unhandled_log unhandled;
    promise<int>::resolved(1);
    CHECK(unhandled.errors().empty());
}

TEST_CASE("several awaiters each get the value, in the order in which they came") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<std::string> p;
        log seen;
        spawned a(ex, watch(p, seen, "a "));
        spawned b(ex, watch(p, seen, "b "));
        spawned c(ex, watch(p, seen, "c "));
        p.fire("poem");
        co_await settle();
        CHECK(seen == log{"a poem", "b poem", "c poem"});
    });
}

TEST_CASE("the last awaiter gets the value moved, the others a copy") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        int copies = 0;
        int got = 0;
        auto take = [&](promise<copied> p) -> awaitable<void> {
            auto a = std::move(p).wait();
            p = promise<copied>();
            co_await std::move(a);
            ++got;
        };
        promise<copied> p;
        spawned a(ex, take(p));
        p.fire(copied(copies));
        p = promise<copied>();
        co_await settle();
        CHECK(got == 1);
        CHECK(copies == 0);

        spawned b(ex, take(p));
        spawned c(ex, take(p));
        p.fire(copied(copies));
        p = promise<copied>();
        co_await settle();
        CHECK(got == 3);
        CHECK(copies == 1);
    });
}

TEST_CASE("a value that does not copy goes to the first awaiter") {
    run([]() -> awaitable<void> {
        promise<std::unique_ptr<int>> p;
        p.fire(std::make_unique<int>(3));
        auto value = co_await p.wait();
        CHECK(*value == 3);
        CHECK_THROWS_AS(co_await p.wait(), std::logic_error);
    });
}

TEST_CASE("ten thousand awaiters of one promise all get its value") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        int sum = 0;
        auto add = [&sum](promise<int> from) -> awaitable<void> { sum += co_await from.wait(); };
        std::vector<spawned> awaiters(10000);
        for (auto& w : awaiters) w.start(ex, add(p));
        for (std::size_t i = 0; i < awaiters.size(); i += 2) awaiters[i].cancel();
        p.fire(2);
        co_await settle();
        CHECK(sum == 10000);
    });
}

TEST_CASE("a hundred thousand promises fired one by the other do not overflow the stack") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        constexpr std::size_t n = 100000;
        std::vector<promise<int>> chain(n);
        auto pass_on = [](promise<int> from, promise<int> to) -> awaitable<void> {
            to.fire(co_await from.wait() + 1);
        };
        std::vector<spawned> links(n - 1);
        for (std::size_t i = 0; i + 1 < n; ++i) links[i].start(ex, pass_on(chain[i], chain[i + 1]));
        chain[0].fire(0);
        CHECK(co_await chain[n - 1].wait() == n - 1);
        co_await settle();
    });
}

TEST_CASE("a hundred thousand promises that wait for each other do not overflow the stack") {
    run([]() -> awaitable<void> {
        constexpr std::size_t n = 100000;
        std::vector<promise<int>> chain(n);
        for (std::size_t i = 0; i + 1 < n; ++i) chain[i].fire(chain[i + 1]);
        chain[n - 1].fire(5);
        CHECK(co_await chain[0].wait() == 5);
    });
    // Dropped while they wait: the first holds the second, and so on.
    promise<int> first;
    promise<int> last = first;
    for (int i = 0; i < 100000; ++i) {
        promise<int> next;
        last.fire(next);
        last = next;
    }
    first = promise<int>();
}

TEST_CASE("a fired promise may be awaited a million times in a row without suspending") {
    run([]() -> awaitable<void> {
        auto p = promise<int>::resolved(1);
        int sum = 0;
        for (int i = 0; i < 1000000; ++i) sum += co_await p.wait();
        CHECK(sum == 1000000);
    });
}

TEST_CASE("a fired promise that is paused resumes nobody until unpaused as often") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        log seen;
        spawned early(ex, watch(p, seen));
        p.pause();
        p.pause();
        p.fire(1);
        spawned late(ex, watch(p, seen));
        co_await settle();
        CHECK(p.fired());
        CHECK(seen.empty());
        p.unpause();
        co_await settle();
        CHECK(seen.empty());
        p.unpause();
        co_await settle();
        CHECK(seen == log{"1", "1"});
        CHECK_THROWS_AS(p.unpause(), std::logic_error);
    });
}

TEST_CASE("pausing after the fire holds back an awaiter that has not run yet") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        log seen;
        spawned w(ex, watch(p, seen));
        p.fire(1);
        p.pause();
        co_await settle();
        CHECK(seen.empty());
        p.unpause();
        co_await settle();
        CHECK(seen == log{"1"});
    });
}

TEST_CASE("a cancelled awaiter of a paused promise does not wait for it to be unpaused") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        log seen;
        spawned w(ex, watch(p, seen));
        p.pause();
        p.fire(1);
        w.cancel();
        co_await settle();
        CHECK(seen == log{"cancelled"});
        p.unpause();
        CHECK(co_await p.wait() == 1);
    });
}

TEST_CASE("cancel without a canceller gives cancelled, and one later fire is swallowed") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p;
        log seen;
        spawned w(ex, watch(p, seen));
        p.cancel();
        co_await settle();
        CHECK(seen == log{"cancelled"});
        CHECK(p.fired());
        CHECK_NOTHROW(p.fire(1));
        CHECK_THROWS_AS(p.fire(2), already_fired);
        CHECK_THROWS_AS(co_await p.wait(), rpc_error);
    });
}

TEST_CASE("a canceller that fires nothing gives cancelled, and a later fire throws") {
    run([]() -> awaitable<void> {
        int called = 0;
        promise<int> p([&called](promise<int>&) { ++called; });
        p.cancel();
        p.cancel();
        CHECK(called == 1);
        CHECK_THROWS_WITH(co_await p.wait(), "cancelled");
        CHECK_THROWS_AS(p.fire(1), already_fired);
    });
}

TEST_CASE("a canceller may fire a value itself") {
    run([]() -> awaitable<void> {
        promise<int> p([](promise<int>& self) { self.fire(9); });
        p.cancel();
        CHECK(co_await p.wait() == 9);
        CHECK_THROWS_AS(p.fire(1), already_fired);
    });
}

TEST_CASE("a canceller may fail with another error itself") {
    run([]() -> awaitable<void> {
        promise<int> p([](promise<int>& self) { self.fail(std::runtime_error("aborted")); });
        p.cancel();
        CHECK_THROWS_WITH_AS(co_await p.wait(), "aborted", std::runtime_error);
    });
}

TEST_CASE("what a canceller throws becomes the failure") {
    run([]() -> awaitable<void> {
        promise<int> p([](promise<int>&) { throw std::runtime_error("cannot"); });
        p.cancel();
        CHECK_THROWS_WITH(co_await p.wait(), "cannot");
        unhandled_log unhandled;
        promise<int> q([](promise<int>& self) {
            self.fire(1);
            throw std::runtime_error("after the value");
        });
        q.cancel();
        CHECK(co_await q.wait() == 1);
        CHECK(unhandled.errors() == log{"after the value"});
    });
}

TEST_CASE("a canceller that cancels again is not called again") {
    run([]() -> awaitable<void> {
        int called = 0;
        promise<int> p([&called](promise<int>& self) {
            ++called;
            self.cancel();
        });
        p.cancel();
        CHECK(called == 1);
        CHECK_THROWS_WITH(co_await p.wait(), "cancelled");
    });
}

TEST_CASE("cancel after fire does nothing") {
    run([]() -> awaitable<void> {
        promise<int> p([](promise<int>&) { FAIL("it has fired"); });
        p.fire(1);
        p.cancel();
        CHECK(co_await p.wait() == 1);
        CHECK_THROWS_AS(p.fire(2), already_fired);
    });
}

TEST_CASE("a cancelled awaiter leaves alone, the others wait on") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p([](promise<int>&) { FAIL("somebody still waits"); });
        log seen;
        spawned a(ex, watch(p, seen, "a "));
        spawned b(ex, watch(p, seen, "b "));
        a.cancel();
        co_await settle();
        CHECK(seen == log{"a cancelled"});
        CHECK_FALSE(p.fired());
        p.fire(4);
        co_await settle();
        CHECK(seen == log{"a cancelled", "b 4"});
    });
}

TEST_CASE("when the last awaiter is cancelled the promise is cancelled") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        int called = 0;
        promise<int> p([&called](promise<int>&) { ++called; });
        log seen;
        spawned a(ex, watch(p, seen, "a "));
        spawned b(ex, watch(p, seen, "b "));
        b.cancel();
        CHECK(called == 0);
        a.cancel();
        CHECK(called == 1);
        a.cancel();
        co_await settle();
        CHECK(seen == log{"b cancelled", "a cancelled"});
        CHECK(p.fired());
    });
}

TEST_CASE("the last awaiter that is cancelled gets the value that the canceller fires") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> p([](promise<int>& self) { self.fire(8); });
        log seen;
        spawned w(ex, watch(p, seen));
        w.cancel();
        co_await settle();
        CHECK(seen == log{"8"});
    });
}

TEST_CASE("the operation below a promise stops when the last awaiter is cancelled") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        spawned operation;
        promise<int> p([&operation](promise<int>&) { operation.cancel(); });
        auto work = [](promise<int> to) -> awaitable<void> {
            co_await sleep_for(60s);
            to.fire(1);
        };
        operation.start(ex, work(p));
        log seen;
        spawned w(ex, watch(p, seen));
        CHECK(time.armed() == 1);
        w.cancel();
        CHECK(time.armed() == 0);
        co_await settle();
        CHECK(operation.done);
        CHECK(seen == log{"cancelled"});
    });
}

TEST_CASE("an outer promise that is fired with an inner one waits for it") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> outer, inner;
        log seen;
        spawned w(ex, watch(outer, seen));
        outer.fire(inner);
        CHECK(outer.fired());
        CHECK_THROWS_AS(outer.fire(1), already_fired);
        co_await settle();
        CHECK(seen.empty());
        inner.fire(6);
        co_await settle();
        CHECK(seen == log{"6"});
        promise<int> late;
        late.fire(inner);
        CHECK(co_await late.wait() == 6);
        CHECK_THROWS_AS(late.fire(late), std::invalid_argument);
    });
}

TEST_CASE("the failure of an inner promise is the outer one's, and is reported only there") {
    unhandled_log unhandled;
    run([]() -> awaitable<void> {
        promise<int> outer, inner;
        outer.fire(inner);
        inner.fail(std::runtime_error("inner"));
        CHECK_THROWS_WITH(co_await outer.wait(), "inner");
    });
    CHECK(unhandled.errors().empty());
    {
        promise<int> outer, inner;
        outer.fire(inner);
        inner.fail(std::runtime_error("lost"));
    }
    CHECK(unhandled.errors() == log{"lost"});
}

TEST_CASE("a paused inner promise holds back the outer one") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> outer, inner;
        inner.pause();
        inner.fire(1);
        outer.fire(inner);
        log seen;
        spawned w(ex, watch(outer, seen));
        co_await settle();
        CHECK(seen.empty());
        inner.unpause();
        co_await settle();
        CHECK(seen == log{"1"});
    });
}

TEST_CASE("cancel of an outer promise cancels the inner one, not the outer's own canceller") {
    run([]() -> awaitable<void> {
        int inner_called = 0;
        promise<int> outer([](promise<int>&) { FAIL("the outer one has fired"); });
        promise<int> inner([&inner_called](promise<int>&) { ++inner_called; });
        outer.fire(inner);
        outer.cancel();
        CHECK(inner_called == 1);
        CHECK_THROWS_WITH(co_await outer.wait(), "cancelled");
    });
}

TEST_CASE("a cancelled awaiter of an outer promise cancels the inner one") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> outer;
        promise<int> inner([](promise<int>& self) { self.fire(3); });
        outer.fire(inner);
        log seen;
        spawned w(ex, watch(outer, seen));
        w.cancel();
        co_await settle();
        CHECK(seen == log{"3"});
    });
}

TEST_CASE("a promise is not cancelled by its last awaiter while an outer promise waits for it") {
    run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        promise<int> outer, inner;
        outer.fire(inner);
        log seen;
        spawned w(ex, watch(inner, seen));
        w.cancel();
        co_await settle();
        CHECK(seen == log{"cancelled"});
        inner.fire(2);
        CHECK(co_await outer.wait() == 2);
    });
}

TEST_CASE("a canceller that holds the promise is let go when the promise fires") {
    auto owned = std::make_shared<int>(1);
    {
        promise<int> fired, cancelled, chained, inner;
        auto hold = [&owned](promise<int>& p) {
            auto itself = std::make_shared<promise<int>>();
            p = promise<int>([owned, itself](promise<int>&) {});
            *itself = p;
        };
        hold(fired);
        hold(cancelled);
        hold(chained);
        CHECK(owned.use_count() == 4);
        fired.fire(1);
        CHECK(owned.use_count() == 3);
        unhandled_log unhandled;
        cancelled.cancel();
        CHECK(owned.use_count() == 2);
        chained.fire(inner);
        CHECK(owned.use_count() == 1);
    }
}

TEST_CASE("a loop that is destroyed destroys the awaiters, even of a promise that only they hold") {
    auto owned = std::make_shared<int>(1);
    promise<int> outside;
    {
        asio::io_context io;
        auto waiter = [](promise<int> p, std::shared_ptr<int> held) -> awaitable<void> {
            co_await p.wait();
            CHECK(held == nullptr);
        };
        auto ended = [](std::exception_ptr) { FAIL("it never ends"); };
        asio::co_spawn(io, waiter(promise<int>(), owned), ended);
        asio::co_spawn(io, waiter(outside, owned), ended);
        io.poll();
        CHECK(owned.use_count() == 3);
    }
    CHECK(owned.use_count() == 1);
    outside.fire(1); // nobody waits any more
}

} // TEST_SUITE("promise")
