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
