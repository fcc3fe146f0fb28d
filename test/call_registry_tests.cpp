#include "support/run.hpp"
#include "support/spawned.hpp"

#include <oocrpc/call_registry.hpp>

#include <set>
#include <thread>

using namespace oocrpc;
using namespace oocrpc::test;

namespace {

struct thing final : registered {
    using registered::registered;
    void end() override { ++ended; }
    int ended = 0;
};

} // namespace

TEST_SUITE("call_registry") {

TEST_CASE("numbers are counted from 2^32 on, or cannot be guessed") {
    asio::io_context io;
    call_registry r;
    auto one = std::make_shared<thing>(io.get_executor());
    const auto first = r.calls.add(one);
    CHECK(first > std::int64_t{1} << 32);
    CHECK(r.calls.add(one) == first + 1);
    std::set<std::int64_t> numbers;
    for (int i = 0; i < 100; ++i) numbers.insert(r.cursors.add(one));
    CHECK(numbers.size() == 100);
    CHECK(*numbers.begin() > std::int64_t{1} << 32);
    CHECK(*numbers.rbegin() - *numbers.begin() > 1'000'000);
}

TEST_CASE("a number leads to its thing until it is forgotten") {
    asio::io_context io;
    number_table t(number_table::numbers::counted);
    auto one = std::make_shared<thing>(io.get_executor());
    const auto n = t.add(one);
    CHECK(t.find(n) == one);
    CHECK(t.all().size() == 1);
    CHECK(t.forget(n));
    CHECK(!t.forget(n));
    CHECK(t.find(n) == nullptr);
    CHECK(t.size() == 0);
    CHECK(one->ended == 0);
}

TEST_CASE("things are ended on their executor; remove() forgets them at once, end() does not") {
    asio::io_context io;
    number_table t(number_table::numbers::counted);
    auto one = std::make_shared<thing>(io.get_executor());
    const auto n = t.add(one);
    CHECK(t.end(n));
    CHECK(one->ended == 0);
    io.run();
    CHECK(one->ended == 1);
    CHECK(t.size() == 1);
    CHECK(t.remove(n));
    CHECK(t.size() == 0);
    CHECK(!t.remove(n));
    CHECK(!t.end(n));
    io.restart();
    io.run();
    CHECK(one->ended == 2);
}

TEST_CASE("post() runs on the thing's executor, and nowhere once that has left") {
    asio::io_context here, there;
    call_registry r;
    auto one = std::make_shared<thing>(here.get_executor());
    auto two = std::make_shared<thing>(there.get_executor());
    const auto first = r.cursors.add(one);
    const auto second = r.cursors.add(two);
    int ran = 0;
    CHECK(r.cursors.post(first, [&] { ++ran; }));
    CHECK(here.run() == 1);
    CHECK(ran == 1);
    const auto call = r.calls.add(std::make_shared<thing>(there.get_executor()));
    r.leave(there.get_executor());
    CHECK(two->ended == 1);
    CHECK(one->ended == 0);
    CHECK(!r.cursors.post(second, [&] { ++ran; }));
    CHECK(!r.calls.end(call));
    CHECK(there.run() == 0);
    CHECK(r.cursors.size() == 1);
    CHECK(r.calls.size() == 0);
}

TEST_CASE("connections are numbered from 1") {
    call_registry r;
    CHECK(r.number_connection() == 1);
    CHECK(r.number_connection() == 2);
}

TEST_CASE("threads add, find and end at the same time") {
    asio::io_context io;
    call_registry r;
    auto work = [&] {
        for (int i = 0; i < 1'000; ++i) {
            auto mine = std::make_shared<thing>(io.get_executor());
            const auto n = r.cursors.add(mine);
            CHECK(r.cursors.find(n) == mine);
            CHECK(r.cursors.remove(n));
        }
    };
    std::thread other(work);
    work();
    other.join();
    CHECK(r.cursors.size() == 0);
    CHECK(io.run() == 2'000);
}

} // TEST_SUITE
