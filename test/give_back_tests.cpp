#include "../lib/give_back.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

using namespace oocrpc;

namespace {

constexpr std::size_t megabyte = 1 << 20;

byte_buffer filled(std::size_t size) {
    byte_buffer buffer;
    std::memset(buffer.grow(size), 'x', size);
    return buffer;
}

bool is_resident(std::uintptr_t at) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    unsigned char there = 0;
    REQUIRE(::mincore(reinterpret_cast<void*>(at / page * page), page, &there) == 0);
    return there & 1;
}

struct fixture {
    std::shared_ptr<memory_budget> memory = std::make_shared<memory_budget>(10 * megabyte);
    std::unique_ptr<asio::io_context> loop = std::make_unique<asio::io_context>(1);

    void give_back(byte_buffer buffer) {
        detail::give_back(loop->get_executor(), std::move(buffer), memory);
    }
};

} // namespace

TEST_SUITE("give_back") {

TEST_CASE_FIXTURE(fixture, "a small buffer is freed at once") {
    give_back(filled(64 << 10));
    CHECK(memory->used() == 0);
    CHECK(loop->poll() == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "a large buffer goes in turns of the loop, and counts until it has gone") {
    give_back(filled(megabyte));
    std::vector<std::size_t> used{memory->used()};
    while (loop->poll_one())
        if (memory->used() != used.back()) used.push_back(memory->used());
    CHECK(used.front() == megabyte);
    CHECK(used.back() == 0);
    for (std::size_t i = 1; i < used.size(); ++i) {
        CHECK(used[i - 1] - used[i] <= megabyte / 4);
        if (i > 1) CHECK(used[i - 1] - used[i] == std::min(used[i - 1], megabyte / 4));
    }
}

TEST_CASE_FIXTURE(fixture,
                  "pages that have gone are the system's again, before the buffer is freed") {
    auto buffer = filled(megabyte);
    const auto end = reinterpret_cast<std::uintptr_t>(buffer.data()) + megabyte;
    give_back(std::move(buffer));
    CHECK(is_resident(end - 128 * 1024));
    while (memory->used() == megabyte) loop->run_one();
    CHECK_FALSE(is_resident(end - 128 * 1024));
    CHECK(is_resident(end - 384 * 1024));
}

TEST_CASE_FIXTURE(fixture, "buffers of any size go, and others may be filled meanwhile") {
    for (std::size_t size = 300'000; size < 3 * megabyte; size += 123'457) {
        give_back(filled(size));
        const auto other = filled(size);
        loop->restart(); // after it has run out of work
        loop->run_one();
        loop->run_one();
        CHECK(std::all_of(other.data(), other.data() + size, [](auto c) { return c == 'x'; }));
    }
    loop->restart();
    loop->run();
    CHECK(memory->used() == 0);
}

TEST_CASE_FIXTURE(fixture, "up to 256 KiB go in one turn, and what is more in the next") {
    for (const std::size_t size : {(64U << 10) + 1, 100'000U, 256U << 10}) {
        give_back(filled(size));
        CHECK(memory->used() == size);
        loop->restart();
        while (memory->used() == size) loop->run_one();
        CHECK(memory->used() == 0);
        loop->run();
    }
    constexpr std::size_t more = (256 << 10) + 1;
    give_back(filled(more));
    loop->restart();
    while (memory->used() == more) loop->run_one();
    CHECK(memory->used() > 0);
    loop->run();
    CHECK(memory->used() == 0);
}

TEST_CASE_FIXTURE(fixture, "of several buffers, one goes after the other") {
    detail::queue<byte_buffer> all;
    for (int i = 0; i < 3; ++i) all.push_back(filled(200'000));
    detail::give_back(loop->get_executor(), std::move(all), memory);
    std::vector<std::size_t> used{memory->used()};
    while (loop->poll_one())
        if (memory->used() != used.back()) used.push_back(memory->used());
    CHECK(used == std::vector<std::size_t>{600'000, 400'000, 200'000, 0});
}

TEST_CASE_FIXTURE(fixture, "what has not gone when the loop ends goes with it") {
    give_back(filled(megabyte));
    loop->run_one();
    loop.reset();
    CHECK(memory->used() == 0);
}

TEST_CASE("nobody has to count it") {
    asio::io_context loop;
    detail::give_back(loop.get_executor(), filled(megabyte), nullptr);
    CHECK(loop.run() > 0);
}

} // TEST_SUITE("give_back")
