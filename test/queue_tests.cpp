#include <oocrpc/detail/queue.hpp>

#include "support/test.hpp"

#include <deque>
#include <memory>
#include <random>
#include <set>

TEST_SUITE_BEGIN("queue");

TEST_CASE("a queue gives what a deque gives, whatever is pushed and popped") {
    std::mt19937 random(1);
    oocrpc::detail::queue<int> q;
    std::deque<int> d;
    for (int i = 0; i < 20'000; ++i) {
        const auto what = random() % 100;
        if (what < (i / 1000 % 2 ? 40u : 58u)) {
            q.push_back(i);
            d.push_back(i);
        } else if (what < 99 && !d.empty()) {
            q.pop_front();
            d.pop_front();
        } else if (what == 99) {
            const auto third = [](int n) { return n % 3 == 0; };
            CHECK(q.erase_if(third) == std::erase_if(d, third));
        }
        REQUIRE(q.size() == d.size());
        REQUIRE(q.empty() == d.empty());
        if (d.empty()) continue;
        CHECK(q.front() == d.front());
        CHECK(q[d.size() / 2] == d[d.size() / 2]);
    }
    CHECK(std::equal(q.begin(), q.end(), d.begin(), d.end()));
    q.push_back(7);
    const auto size = q.size();
    auto moved = std::move(q);
    CHECK(q.empty());
    CHECK(moved.size() == size);
    q = std::move(moved);
    CHECK(moved.empty());
    q.clear();
    CHECK(q.empty());
}

TEST_CASE("what is popped is gone at once, and a queue that is never empty does not grow") {
    oocrpc::detail::queue<std::shared_ptr<int>> q;
    auto watched = std::make_shared<int>(1);
    q.push_back(watched);
    q.push_back(nullptr);
    q.pop_front();
    CHECK(watched.use_count() == 1);
    std::set<const void*> places;
    for (int i = 0; i < 1000; ++i) {
        q.push_back(nullptr);
        q.pop_front();
        places.insert(&q.front());
    }
    CHECK(places.size() <= 8);
}

TEST_SUITE_END();
