#include "support/served.hpp"

#include <oocrpc/layers.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

constexpr method<int(int, int)> add{"add", {"a", "b"}};
constexpr method<int(int)> slow{"slow", {"ms"}};

service table() {
    service s{""};
    s.on(add, [](int a, int b) { return a + b; }).on(slow, [](int ms) -> awaitable<int> {
        co_await sleep_for(std::chrono::milliseconds(ms));
        co_return ms;
    });
    return s;
}

connection_options from(std::string address) {
    auto who = std::make_shared<peer_info>();
    who->address = std::move(address);
    connection_options options;
    options.on_behalf_of = std::move(who);
    return options;
}

/// Calls of `slow` from several addresses, and what they were answered, in the order of their ends.
struct callers {
    callers(any_io_executor ex, handler shared)
        : ex(ex),
          first(ex, nullptr, shared, {}, from("10.0.0.1:1")),
          second(ex, nullptr, shared, {}, from("10.0.0.2:1")),
          third(ex, nullptr, shared, {}, from("10.0.0.3:1")) {}

    spawned& call(linked& on, std::string name, int ms) {
        auto one = [](std::vector<std::string>& into, std::shared_ptr<connection> on,
                      std::string name, int ms) -> awaitable<void> {
            json span = json::array({ms});
            const auto got = co_await outcome(peer(on), "slow", std::move(span));
            into.push_back(name + " " + got.substr(0, got.find(':')));
        };
        return all.emplace_back(ex, one(ended, on.a, std::move(name), ms));
    }
    awaitable<void> close() {
        co_await first.close();
        co_await second.close();
        co_await third.close();
    }

    any_io_executor ex;
    linked first, second, third;
    std::vector<std::string> ended;
    std::deque<spawned> all;
};

} // namespace

TEST_SUITE("layers") {

TEST_CASE("logged tells of each call when it ends, with its time and its error") {
    std::vector<std::string> lines;
    auto log = [&](const call_record& r) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(r.took).count();
        lines.push_back(r.method + " " + r.peer + " " + std::to_string(ms) + " " + r.error +
                        (r.detail.empty() ? "" : ": " + r.detail));
    };
    service s = table();
    constexpr method<void()> fails{"fails"};
    s.on(fails, [] { throw rpc_error("mine", "no"); });
    ask(logged(s, log), {{"add", "[1, 2]", "3"},
                         {"slow", "[20]", "20"},
                         {"fails", "", "mine: no"},
                         {"missing", "", "no_such_method: 'missing': no such method"}});
    CHECK(lines == std::vector<std::string>{"add memory 0 ", "slow memory 20 ",
                                            "fails memory 0 mine: no",
                                            "missing memory 0 no_such_method: 'missing': no such "
                                            "method"});
}

TEST_CASE("limited refuses what is too much at once, and counts down however a call ends") {
    serving(limited(table(), 2), [](peer& p) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        for (int round = 0; round < 3; ++round) {
            std::vector<std::string> outcomes;
            auto one = [&]() -> awaitable<void> {
                json ms = json::array({10});
                call_options options;
                if (round == 1) options.when = 5ms;
                outcomes.push_back(co_await outcome(p, "slow", std::move(ms), std::move(options)));
            };
            spawned a(ex, one()), b(ex, one()), c(ex, one());
            co_await sleep_for(50ms);
            REQUIRE(outcomes.size() == 3);
            CHECK(outcomes[0] == "overloaded: 2 calls are running");
            CHECK(outcomes[1] ==
                  (round == 1 ? "deadline_exceeded: call deadline of 5 ms passed" : "10"));
        }
    });
}

TEST_CASE(
    "calls wait for their turn in a queue, and what is too much for that is refused at once") {
    serving(limited(table(), 1, 2), [](peer& p) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<std::string> outcomes;
        auto one = [&](int id, int span) -> awaitable<void> {
            json ms = json::array({span});
            const auto got = co_await outcome(p, "slow", std::move(ms));
            outcomes.push_back(std::to_string(id) + " " + got);
        };
        spawned a(ex, one(1, 30)), b(ex, one(2, 20)), c(ex, one(3, 10)), d(ex, one(4, 10));
        co_await sleep_for(29ms);
        CHECK(outcomes ==
              std::vector<std::string>{"4 overloaded: 1 calls are running and 2 are waiting"});
        co_await sleep_for(40ms);
        REQUIRE(outcomes.size() == 4); // the first that came went first
        CHECK(outcomes[1] == "1 30");
        CHECK(outcomes[2] == "2 20");
        CHECK(outcomes[3] == "3 10");
        spawned e(ex, one(5, 10));
        co_await sleep_for(20ms);
        CHECK(outcomes.back() == "5 10");
    });
}

TEST_CASE(
    "a call that waits for its turn leaves the queue at its deadline or when it is cancelled") {
    int begun = 0;
    auto counted = [&, inner = handler(table())](context& c, message&& m) {
        ++begun;
        return inner(c, std::move(m));
    };
    serving(limited(counted, 1, 1), [&](peer& p) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::string first, second, third, fourth;
        auto one = [&](std::string& into, call_options options) -> awaitable<void> {
            json ms = json::array({100});
            into = co_await outcome(p, "slow", std::move(ms), std::move(options));
        };
        CHECK(co_await p.call(add, 1, 2) == 3); // now it is known what the other end understands
        call_options none, late;
        late.when = 10ms;
        spawned a(ex, one(first, none)), b(ex, one(second, late));
        co_await sleep_for(20ms);
        CHECK(second == "deadline_exceeded: call deadline of 10 ms passed");
        spawned c(ex, one(third, none)); // there is room for it
        co_await sleep_for(10ms);
        CHECK(third == "");
        c.cancel();
        co_await settle();
        CHECK(third.starts_with("cancelled: "));
        spawned d(ex, one(fourth, none));
        co_await sleep_for(300ms);
        CHECK(first == "100");
        CHECK(fourth == "100");
        CHECK(begun == 3);
    });
}

TEST_CASE("the turn of a call that is cancelled as it comes goes to the next") {
    serving(limited(table(), 1, 2), [](peer& p) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::string first, second, third;
        auto one = [&](std::string& into, int span, call_options options) -> awaitable<void> {
            json ms = json::array({span});
            into = co_await outcome(p, "slow", std::move(ms), std::move(options));
        };
        call_options none, late;
        late.when = 20ms; // when the first one ends
        spawned a(ex, one(first, 20, none)), b(ex, one(second, 50, late)),
            c(ex, one(third, 5, none));
        co_await sleep_for(200ms);
        CHECK(first == "20");
        CHECK(second == "deadline_exceeded: call deadline of 20 ms passed");
        CHECK(third == "5");
    });
}

TEST_CASE("calls that wait when their connection ends leave the queue to others") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const handler shared = limited(table(), 1, 1);
        linked gone(ex, nullptr, shared), stays(ex, nullptr, shared);
        std::string first, second;
        auto one = [](std::shared_ptr<connection> on, std::string& into,
                      int span) -> awaitable<void> {
            json ms = json::array({span});
            into = co_await outcome(peer(on), "slow", std::move(ms));
        };
        spawned a(ex, one(gone.a, first, 1'000)), b(ex, one(gone.a, second, 1'000));
        co_await sleep_for(1ms);
        co_await gone.close();
        std::string third;
        spawned c(ex, one(stays.a, third, 5));
        co_await sleep_for(10ms);
        CHECK(third == "5");
        CHECK(first.starts_with("unavailable"));
        CHECK(second.starts_with("unavailable"));
        co_await stays.close();
    });
}

TEST_CASE("the last eighth of places and queue is for addresses that have less than an eighth") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const handler shared = limited(table(), 16, 8);
        linked greedy(ex, nullptr, shared, {}, from("10.0.0.1:1"));
        linked again(ex, nullptr, shared, {}, from("10.0.0.1:2"));
        linked other(ex, nullptr, shared, {}, from("10.0.0.2:1"));
        std::vector<std::string> of_greedy, of_other;
        auto one = [](std::shared_ptr<connection> on, std::vector<std::string>& into,
                      int span) -> awaitable<void> {
            json ms = json::array({span});
            into.push_back(co_await outcome(peer(on), "slow", std::move(ms)));
        };
        std::deque<spawned> all;
        for (int i = 0; i < 22; ++i)
            all.emplace_back(ex, one(i % 2 ? greedy.a : again.a, of_greedy, 100));
        co_await sleep_for(1ms);
        // 14 run and 7 wait.
        REQUIRE(of_greedy.size() == 1);
        CHECK(of_greedy[0] ==
              "overloaded: the calls that may still run are kept for other addresses");
        json plain = json::array({1, 2}), same = plain;
        const auto refused = co_await outcome(peer(greedy.a), "add", std::move(plain));
        CHECK(refused == of_greedy[0]);
        const auto served = co_await outcome(peer(other.a), "add", std::move(same));
        CHECK(served == "3");
        for (int i = 0; i < 3; ++i) all.emplace_back(ex, one(other.a, of_other, 20));
        co_await sleep_for(25ms);
        CHECK(of_other.size() == 2); // the third waited for one of them
        co_await sleep_for(20ms);
        CHECK(of_other == std::vector<std::string>(3, "20"));
        co_await sleep_for(200ms);
        CHECK(of_greedy.size() == 22);
        CHECK(std::ranges::count(of_greedy, "100") == 21);
        co_await greedy.close();
        co_await again.close();
        co_await other.close();
    });
}

TEST_CASE("calls from several addresses wait in the order in which they came, whoever leaves") {
    for (const bool first_leaves : {true, false}) {
        run([first_leaves]() -> awaitable<void> {
            callers c(co_await this_coro::executor, limited(table(), 1, 8));
            c.call(c.third, "running", 20);
            co_await settle();
            auto& a1 = c.call(c.first, "a1", 10);
            co_await settle();
            c.call(c.second, "b1", 10);
            co_await settle();
            auto& a2 = c.call(c.first, "a2", 10);
            co_await settle();
            (first_leaves ? a1 : a2).cancel();
            co_await sleep_for(100ms);
            const std::string left = first_leaves ? "a1" : "a2";
            std::vector<std::string> right{left + " cancelled", "running 20", "a1 10", "b1 10",
                                           "a2 10"};
            std::erase(right, left + " 10");
            CHECK(c.ended == right);
            co_await c.close();
        });
    }
}

TEST_CASE("an address that has less than an eighth again goes before those that came before it") {
    run([]() -> awaitable<void> {
        callers c(co_await this_coro::executor, limited(table(), 16, 16)); // 2 are kept
        c.call(c.first, "a", 10);
        for (int i = 0; i < 13; ++i) c.call(c.first, "a", 100);
        co_await settle();
        c.call(c.second, "b", 30);
        c.call(c.second, "b", 100);
        co_await settle();
        c.call(c.first, "late a", 5);
        co_await settle();
        c.call(c.second, "late b", 5);
        co_await sleep_for(29ms);
        // 15 run: the place that is left is neither for who has 13 nor for who has 2.
        CHECK(c.ended == std::vector<std::string>{"a 10"});
        co_await sleep_for(7ms);
        CHECK(c.ended == std::vector<std::string>{"a 10", "b 30", "late b 5"});
        co_await sleep_for(100ms);
        REQUIRE(c.ended.size() == 18);
        CHECK(std::ranges::count(c.ended, "late a 5") == 1);
        co_await c.close();
    });
}

TEST_CASE("calls that come over no network may have every place, and all of the queue") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        callers c(ex, nullptr);
        linked nowhere(ex, nullptr, limited(table(), 8, 8));
        for (int i = 0; i < 17; ++i) c.call(nowhere, "call", 10);
        co_await sleep_for(100ms);
        REQUIRE(c.ended.size() == 17);
        CHECK(c.ended.front() == "call overloaded");
        CHECK(std::ranges::count(c.ended, "call 10") == 16);
        co_await nowhere.close();
        co_await c.close();
    });
}

TEST_CASE("a call that waits is not begun once its connection has ended, others have its place") {
    run([]() -> awaitable<void> {
        int begun = 0;
        auto counted = [&begun, inner = handler(table())](context& c, message&& m) {
            ++begun;
            return inner(c, std::move(m));
        };
        callers c(co_await this_coro::executor, limited(counted, 1, 8));
        c.call(c.first, "running", 1'000);
        for (int i = 0; i < 5; ++i) c.call(c.second, "waiting", 1'000);
        co_await sleep_for(1ms);
        CHECK(begun == 1);
        for (auto* one : {&c.first, &c.second})
            one->b->close(rpc_error(errc::unavailable, "it is ended"));
        co_await sleep_for(10ms);
        CHECK(begun == 1);
        c.call(c.third, "later", 5);
        co_await sleep_for(10ms);
        CHECK(c.ended.back() == "later 5");
        co_await c.close();
    });
}

TEST_CASE(
    "with_timeout ends a call as a deadline of the server's, unless the caller's is earlier") {
    serving(with_timeout(table(), 30ms), [](peer& p) -> awaitable<void> {
        json ms = json::array({1000}), same = ms;
        CHECK(co_await outcome(p, "slow", std::move(ms)) ==
              "deadline_exceeded: server deadline of 30 ms passed");
        call_options options;
        options.when = 10ms;
        CHECK(co_await outcome(p, "slow", std::move(same), std::move(options)) ==
              "deadline_exceeded: call deadline of 10 ms passed");
    });
}

TEST_CASE("layers stack, and over a plain function the stack stays a plain call") {
    int calls = 0;
    handler stack =
        logged(limited(with_timeout(table(), 1s), 10), [&](const call_record&) { ++calls; });
    bool ready = false;
    handler outer = [&](context& c, message m) {
        auto answer = stack(c, std::move(m));
        ready = answer.ready();
        return answer;
    };
    ask(outer, {{"slow", "[1]", "1"}});
    CHECK(!ready);
    ask(outer, {{"add", "[1, 2]", "3"}});
    CHECK(ready);
    CHECK(calls == 2);
}

} // TEST_SUITE("layers")
