#include "support/run.hpp"

#include <oocrpc/testing/fails.hpp>

#include <asio/error.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::run;
using testing::expected_error;

namespace {

awaitable<int> fail_with(std::exception_ptr e) {
    co_await sleep_for(1s);
    if (e) std::rethrow_exception(e);
    co_return 5;
}

std::exception_ptr no_poem() {
    return std::make_exception_ptr(rpc_error("no_such_poem", "poem 7"));
}

/// What CHECK_FAILS says; empty where it is satisfied.
std::string verdict(std::exception_ptr e, expected_error expected) {
    std::string text;
    run([&]() -> awaitable<void> {
        text = co_await testing::detail::mismatch_of(fail_with(e), expected);
    });
    return text;
}

} // namespace

TEST_SUITE("testing_fails") {

TEST_CASE("CHECK_FAILS is satisfied by the error given: identifier, errc, or any error code") {
    run([]() -> awaitable<void> {
        CHECK_FAILS(fail_with(no_poem()), "no_such_poem");
        CHECK_FAILS(fail_with(no_poem()), errc::application);
        const auto broken = std::make_exception_ptr(std::system_error(asio::error::eof));
        CHECK_FAILS(fail_with(broken), asio::error::eof);
        const std::error_code code = asio::error::eof;
        REQUIRE_FAILS(fail_with(broken), code);
        const auto late = std::make_exception_ptr(rpc_error(errc::deadline_exceeded));
        CHECK_FAILS(fail_with(late), errc::deadline_exceeded);
        REQUIRE_FAILS(fail_with(late), "deadline_exceeded");
    });
}

TEST_CASE("it says what came instead") {
    CHECK(verdict(no_poem(), "unavailable") == "it failed with no_such_poem: poem 7");
    CHECK(verdict(no_poem(), errc::unavailable) == "it failed with no_such_poem: poem 7");
    CHECK(verdict(nullptr, errc::unavailable) == "it returned 5");
    const auto boom = std::make_exception_ptr(std::runtime_error("boom"));
    CHECK(verdict(boom, "boom") == "it failed with boom");
    CHECK(verdict(boom, errc::internal) == "it failed with boom");
    const auto eof = std::make_exception_ptr(std::system_error(asio::error::eof));
    CHECK(verdict(eof, "eof") == "it failed with End of file");
    CHECK(verdict(no_poem(), "no_such_poem") == "");
}

TEST_CASE("a CHECK_FAILS that is not satisfied fails its case, which goes on" *
          doctest::should_fail()) {
    bool went_on = false;
    run([&]() -> awaitable<void> {
        CHECK_FAILS(fail_with(nullptr), "no_such_poem");
        went_on = true;
    });
    if (!went_on) std::abort();
}

TEST_CASE("a REQUIRE_FAILS that is not satisfied ends its case" * doctest::should_fail()) {
    run([]() -> awaitable<void> {
        REQUIRE_FAILS(fail_with(no_poem()), errc::unavailable);
        std::abort();
    });
}

TEST_CASE("arguments that g++ destroys twice beside a co_await may stand in a CHECK_FAILS") {
    struct pair {
        int number;
        std::string text;
    };
    auto refuse = [](pair p) -> awaitable<void> {
        co_await sleep_for(1s);
        throw rpc_error(p.text, "");
    };
    run([&]() -> awaitable<void> {
        CHECK_FAILS(refuse(pair{1, std::string(100, 'x')}), std::string(100, 'x'));
    });
}

} // TEST_SUITE("testing_fails")
