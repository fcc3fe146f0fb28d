#include "support/test.hpp"

#include <oocrpc/connection_counts.hpp>
#include <oocrpc/memory_budget.hpp>

#include <sys/resource.h>

using namespace oocrpc;
using enum connection_counts::outcome;

TEST_SUITE("connection_counts") {

TEST_CASE("as many enter as may, and another one when one has left") {
    connection_counts all;
    CHECK(all.enter("10.0.0.1:1", 2, 9) == entered);
    CHECK(all.enter("10.0.0.2:1", 2, 9) == entered);
    CHECK(all.enter("10.0.0.3:1", 2, 9) == full);
    CHECK(all.all() == 2);
    all.leave("10.0.0.1:1");
    CHECK(all.enter("10.0.0.3:1", 2, 9) == entered);
    CHECK(all.all() == 2);
}

TEST_CASE("an address has its own number, whatever the port") {
    connection_counts all;
    CHECK(all.enter("10.0.0.1:1", 9, 2) == entered);
    CHECK(all.enter("10.0.0.1:2", 9, 2) == entered);
    CHECK(all.enter("10.0.0.1:3", 9, 2) == address_full);
    CHECK(all.enter("10.0.0.11:3", 9, 2) == entered);
    CHECK(all.all() == 3);
    all.leave("10.0.0.1:2");
    CHECK(all.enter("10.0.0.1:3", 9, 2) == entered);
    CHECK(all.enter("10.0.0.12:3", 9, 0) == address_full);
}

TEST_CASE("of IPv6 the first 64 bits are the address, of IPv4 in IPv6 that of IPv4") {
    connection_counts all;
    CHECK(all.enter("[2001:db8::1]:80", 9, 1) == entered);
    CHECK(all.enter("[2001:db8::ffff:2]:80", 9, 1) == address_full);
    CHECK(all.enter("[2001:db8:0:1::1]:80", 9, 1) == entered);
    CHECK(all.enter("10.0.0.1:1", 9, 1) == entered);
    CHECK(all.enter("[::ffff:10.0.0.1]:1", 9, 1) == address_full);
    CHECK(all.enter("[::ffff:10.0.0.2]:1", 9, 1) == entered);
}

TEST_CASE("peers without an address count in all only") {
    connection_counts all;
    for (int i = 0; i < 3; ++i) CHECK(all.enter("unix", 3, 1) == entered);
    CHECK(all.enter("unix", 3, 1) == full);
    all.leave("unix");
    CHECK(all.all() == 2);
}

} // TEST_SUITE("connection_counts")

TEST_SUITE("memory_budget") {

TEST_CASE("it is scarce above half and exceeded above the whole") {
    memory_budget b(1000);
    b.take(500);
    CHECK(!b.scarce());
    b.take(1);
    CHECK(b.scarce());
    b.take(499);
    CHECK(!b.exceeded());
    b.take(1);
    CHECK(b.exceeded());
    b.give_back(1001);
    CHECK(b.used() == 0);
}

TEST_CASE("what the process may have is no more than its address space may be") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
    const auto unlimited = memory_budget::of_process();
    CHECK(unlimited > 0);
    CHECK(memory_budget().most() == unlimited / 2);
    auto less = before;
    // More than any machine has, as the sanitizer's shadow takes terabytes; it is only asked for.
    less.rlim_cur = std::min<rlim_t>(before.rlim_max, rlim_t{1} << 60);
    REQUIRE(::setrlimit(RLIMIT_AS, &less) == 0);
    CHECK(memory_budget::of_process() == std::min<std::size_t>(unlimited, less.rlim_cur));
    ::setrlimit(RLIMIT_AS, &before);
}

} // TEST_SUITE("memory_budget")
