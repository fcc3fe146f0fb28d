#include "support/run.hpp"

#include <memory>
#include <oocrpc/as_awaitable.hpp>
#include <oocrpc/error.hpp>
#include <stdexcept>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;

namespace {

int add(int a, int b) {
    return a + b;
}

awaitable<int> add_later(int a, int b) {
    co_await sleep_for(1s);
    co_return a + b;
}

struct adder {
    int base;
    int add(int n) const { return base + n; }
};

} // namespace

TEST_SUITE("as_awaitable") {

TEST_CASE("a function that returns a value, one that awaits and one that throws look the same") {
    run([]() -> awaitable<void> {
        auto thrower = [](int, int) -> int { throw std::runtime_error("no"); };
        awaitable<int> plain = as_awaitable(add, 1, 2);
        awaitable<int> later = as_awaitable(add_later, 3, 4);
        awaitable<int> failed = as_awaitable(thrower, 5, 6);
        CHECK(co_await std::move(plain) == 3);
        CHECK(co_await std::move(later) == 7);
        CHECK_THROWS_WITH_AS(co_await std::move(failed), "no", std::runtime_error);
    });
}

TEST_CASE("a function of nothing gives an awaitable of nothing") {
    run([]() -> awaitable<void> {
        int called = 0;
        auto count = [&called] { ++called; };
        auto fail = [] { throw std::runtime_error("no"); };
        co_await as_awaitable(count);
        CHECK(called == 1);
        CHECK_THROWS_WITH(co_await as_awaitable(fail), "no");
    });
}

TEST_CASE("the function is called at once, not when it is awaited") {
    int called = 0;
    auto count = [&called] { return ++called; };
    {
        auto dropped = as_awaitable(count);
    }
    CHECK(called == 1);
}

TEST_CASE("what a function throws is thrown only where it is awaited") {
    auto fail = []() -> awaitable<int> { throw std::runtime_error("no"); };
    auto fail_at_once = []() -> int { throw std::runtime_error("no"); };
    CHECK_NOTHROW((void)as_awaitable(fail));
    CHECK_NOTHROW((void)as_awaitable(fail_at_once));
}

TEST_CASE("a temporary lambda with captures lives as long as its coroutine") {
    run([]() -> awaitable<void> {
        auto owned = std::make_shared<std::string>("poem");
        auto made = as_awaitable([owned]() -> awaitable<std::string> {
            co_await sleep_for(1s);
            co_return *owned;
        });
        CHECK(co_await std::move(made) == "poem");
        CHECK(owned.use_count() == 1);
    });
}

TEST_CASE("members can be called, and what does not copy can be passed and returned") {
    run([]() -> awaitable<void> {
        adder five{5};
        CHECK(co_await as_awaitable(&adder::add, five, 2) == 7);
        auto pass = [](std::unique_ptr<int> p) { return p; };
        auto argument = std::make_unique<int>(4);
        auto back = co_await as_awaitable(pass, std::move(argument));
        CHECK(*back == 4);
    });
}

} // TEST_SUITE("as_awaitable")
