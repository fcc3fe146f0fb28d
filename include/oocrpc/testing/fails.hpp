#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

#include <oocrpc/asio.hpp>
#include <oocrpc/testing/expected_error.hpp>

namespace oocrpc::testing::detail {

/// How `operation` ended where it did not end with `expected`; otherwise empty.
template <class T>
awaitable<std::string> mismatch_of(awaitable<T> operation, expected_error expected) {
    std::exception_ptr error;
    std::string returned;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(operation);
        } else {
            const T value = co_await std::move(operation);
            returned = " " + std::string(doctest::toString(value).c_str());
        }
    } catch (const std::exception&) { // doctest's own are none
        error = std::current_exception();
    }
    co_return error ? expected.mismatch(error) : "it returned" + returned;
}

} // namespace oocrpc::testing::detail

// The operation has a statement of its own: g++ 12 destroys temporaries twice that stand in one
// expression with a co_await.
#define OOCRPC_TESTING_FAILS(name, fail, operation, ...)                                           \
    do {                                                                                           \
        auto oocrpc_operation = operation;                                                         \
        ::oocrpc::testing::expected_error oocrpc_expected(__VA_ARGS__);                            \
        const auto oocrpc_mismatch = co_await ::oocrpc::testing::detail::mismatch_of(              \
            std::move(oocrpc_operation), std::move(oocrpc_expected));                              \
        if (oocrpc_mismatch.empty())                                                               \
            DOCTEST_CHECK(true);                                                                   \
        else                                                                                       \
            fail(name "( " #operation ", " #__VA_ARGS__ " ): " << oocrpc_mismatch);                \
    } while (false)

/// Awaits `operation` and checks that it fails with the error given, an errc, another error code
/// or an identifier: `CHECK_FAILS(db.call(get_poem, 7), "no_such_poem");`, in a coroutine.
#define CHECK_FAILS(operation, ...)                                                                \
    OOCRPC_TESTING_FAILS("CHECK_FAILS", DOCTEST_FAIL_CHECK, operation, __VA_ARGS__)
/// The same, and ends the case where it does not.
#define REQUIRE_FAILS(operation, ...)                                                              \
    OOCRPC_TESTING_FAILS("REQUIRE_FAILS", DOCTEST_FAIL, operation, __VA_ARGS__)
