#pragma once

#include "wire.hpp"

#include <oocrpc/service.hpp>

namespace oocrpc::test {

/// What `name` answers to `arguments`, as JSON, or the error as text.
inline awaitable<std::string> outcome(caller c, std::string name, json arguments = nullptr,
                                      call_options options = {}) {
    std::string text;
    try {
        const json got = co_await c.call(std::move(name), std::move(arguments), std::move(options));
        text = got.dump();
    } catch (const std::exception& e) {
        text = e.what();
    }
    co_return text;
}

/// Serves `h` on a connection in memory and hands `f` a peer that calls it.
template <class F> void serving(handler h, F f, connection_options options = {}) {
    run([&]() -> awaitable<void> {
        connection_options ours;
        linked w(co_await this_coro::executor, nullptr, std::move(h), std::move(ours),
                 std::move(options));
        peer p(w.a);
        co_await f(p);
        co_await w.close();
    });
}

struct question {
    std::string name;
    std::string arguments; ///< JSON; empty: none
    std::string answer;
};
/// Asks one after the other and compares.
inline void ask(handler h, std::vector<question> questions, connection_options options = {}) {
    auto all = [&](peer& p) -> awaitable<void> {
        for (auto& q : questions) {
            CAPTURE(q.name);
            CAPTURE(q.arguments);
            json arguments = q.arguments.empty() ? json() : json::parse(q.arguments);
            const auto got = co_await outcome(p, q.name, std::move(arguments));
            CHECK(got == q.answer);
        }
    };
    serving(std::move(h), all, std::move(options));
}

} // namespace oocrpc::test
