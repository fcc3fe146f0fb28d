#include "../lib/turns.hpp"

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <doctest/doctest.h>

using oocrpc::any_io_executor;
using oocrpc::detail::turns;

namespace {

struct fixture {
    asio::io_context loop{1};
    any_io_executor executor{loop.get_executor()};
    std::string seen;

    void take(char what) {
        turns::take(executor, [this, what](turns::now) { seen += what; });
    }
    void come_round() { // a turn lets those who are ready go first
        CHECK(loop.poll_one() == 1);
        CHECK(loop.poll_one() == 1);
    }
    void post(char what) {
        asio::post(loop, [this, what] { seen += what; });
    }
};

} // namespace

TEST_SUITE("turns") {

TEST_CASE_FIXTURE(fixture, "each turn of the loop is for one of those that wait, in their order") {
    for (const char c : {'1', '2', '3'}) take(c);
    CHECK(seen.empty());
    come_round();
    CHECK(seen == "1");
    post('x'); // comes before the second, however many wait
    loop.run();
    CHECK(seen == "1x23");
}

TEST_CASE_FIXTURE(fixture, "what takes another turn waits for those who came before") {
    turns::take(executor, [this](turns::now) {
        seen += 'a';
        take('c');
    });
    take('b');
    loop.run();
    CHECK(seen == "abc");
    take('d'); // after it had come to rest
    loop.restart();
    loop.run();
    CHECK(seen == "abcd");
}

TEST_CASE_FIXTURE(fixture, "one that throws is no matter of the others") {
    turns::take(executor, [](turns::now) { throw std::runtime_error("thrown"); });
    take('b');
    CHECK_THROWS_WITH(loop.run(), "thrown");
    loop.run();
    CHECK(seen == "b");
}

TEST_CASE_FIXTURE(fixture, "a coroutine goes on in its turn") {
    asio::co_spawn(
        loop,
        [this]() -> oocrpc::awaitable<void> {
            co_await turns::wait(executor);
            seen += '1';
            co_await turns::wait(executor);
            seen += '2';
        },
        [](std::exception_ptr e) { CHECK(!e); });
    take('a');
    loop.run();
    CHECK(seen == "a12");
}

TEST_CASE_FIXTURE(fixture, "no line waits for another") {
    for (const char c : {'1', '2', '3'}) take(c);
    turns::take_at_door(executor, [this](turns::now) { seen += 'd'; });
    asio::co_spawn(
        loop,
        [this]() -> oocrpc::awaitable<void> {
            co_await turns::wait_to_log_in(executor);
            seen += 'l';
        },
        [](std::exception_ptr e) { CHECK(!e); });
    loop.run();
    CHECK(seen.find('d') < seen.find('2'));
    CHECK(seen.find('l') < seen.find('3'));
}

TEST_CASE_FIXTURE(fixture,
                  "lines have turns one after the other, and who comes waits for one more") {
    asio::steady_timer comes(loop);
    for (const char c : {'1', '2'}) take(c);
    turns::take_at_door(executor, [&](turns::now) {
        seen += 'd';
        comes.expires_after(std::chrono::seconds(-1));
        comes.async_wait([this](std::error_code) { seen += 'c'; });
    });
    turns::take_at_door(executor, [this](turns::now) { seen += 'e'; });
    asio::co_spawn(
        loop,
        [this]() -> oocrpc::awaitable<void> {
            for (const char c : {'l', 'm'}) {
                co_await turns::wait_to_log_in(executor);
                seen += c;
            }
        },
        [](std::exception_ptr e) { CHECK(!e); });
    loop.run();
    CHECK(seen == "dlc1em2");
}

TEST_CASE_FIXTURE(fixture, "strands take no turns") {
    const any_io_executor strand = asio::make_strand(loop);
    take('a');
    take('b');
    for (const char c : {'1', '2'}) turns::take(strand, [this, c](turns::now) { seen += c; });
    loop.run();
    CHECK(seen == "1a2b");
}

TEST_CASE_FIXTURE(fixture, "turns are taken from any thread, those of each in its order") {
    constexpr int each = 500, all = 3;
    std::array<int, all> last{};
    int had = 0;
    bool in_order = true;
    const auto working = asio::make_work_guard(loop);
    std::vector<std::thread> threads;
    for (std::size_t who = 0; who < all; ++who)
        threads.emplace_back([&, who] {
            for (int i = 1; i <= each; ++i)
                turns::take(executor, [&, who, i](turns::now) {
                    in_order &= ++last[who] == i;
                    if (++had == each * all) loop.stop();
                });
        });
    loop.run();
    for (auto& t : threads) t.join();
    CHECK(in_order);
    CHECK(last == std::array{each, each, each});
}

TEST_CASE("what has not had its turn is destroyed with the loop, and may take another meanwhile") {
    const auto held = std::make_shared<int>(5);
    struct late {
        any_io_executor executor;
        std::shared_ptr<int> keeps;
        ~late() {
            if (keeps) turns::take(executor, [](turns::now) {});
        }
    };
    {
        asio::io_context loop;
        auto it = std::make_shared<late>(loop.get_executor(), held);
        turns::take(loop.get_executor(), [it = std::move(it)](turns::now) {});
        turns::take(loop.get_executor(), [held](turns::now) {});
        CHECK(held.use_count() == 3);
    }
    CHECK(held.use_count() == 1);
}

} // TEST_SUITE("turns")
