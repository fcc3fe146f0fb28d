#pragma once

#include <oocrpc/clock.hpp>
#include <oocrpc/service.hpp>

namespace oocrpc::test {

inline constexpr method<int(int, int)> add{"add", {"a", "b"}};
inline constexpr method<int(int)> slow{"slow", {"ms"}};

/// A plain method and one that waits, for cases about what lies below them.
inline service make_demo(int* cancelled = nullptr) {
    service s{""};
    s.on(add, [](int a, int b) { return a + b; }).on(slow, [cancelled](int ms) -> awaitable<int> {
        try {
            co_await sleep_for(std::chrono::milliseconds(ms));
        } catch (const rpc_error&) {
            if (cancelled) ++*cancelled;
            throw;
        }
        co_return ms;
    });
    return s;
}

} // namespace oocrpc::test
