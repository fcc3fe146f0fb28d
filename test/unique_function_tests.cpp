#include "support/test.hpp"

#include <oocrpc/detail/unique_function.hpp>

#include <array>
#include <memory>

using oocrpc::detail::unique_function;

TEST_SUITE("unique_function") {

TEST_CASE("a small and a large callable are called once and then gone") {
    auto alive = std::make_shared<int>(0);
    std::array<char, 200> large{};
    unique_function<int> small_one = [alive](int n) { *alive += n; };
    unique_function<int> large_one = [alive, large](int n) { *alive += n + large[0]; };
    CHECK(alive.use_count() == 3);
    small_one(1);
    large_one(2);
    CHECK(*alive == 3);
    CHECK(!small_one);
    CHECK(!large_one);
    CHECK(alive.use_count() == 1);
}

TEST_CASE("moving keeps the callable, resetting destroys it uncalled") {
    auto alive = std::make_shared<int>(0);
    unique_function<int> a = [alive](int n) { *alive = n; };
    unique_function<int> b = std::move(a);
    CHECK(!a);
    unique_function<int> c = [alive](int) {};
    c = std::move(b);
    CHECK(alive.use_count() == 2);
    c.reset();
    CHECK(alive.use_count() == 1);
    CHECK(*alive == 0);
}

TEST_CASE("a callable may replace the function that it is called by") {
    int second = 0;
    unique_function<int> f;
    f = [&](int) { f = [&](int n) { second = n; }; };
    f(1);
    f(2);
    CHECK(second == 2);
}

} // TEST_SUITE("unique_function")
