#pragma once

#include <map>
#include <string>
#include <vector>

#include <oocrpc/clock.hpp>
#include <oocrpc/service.hpp>

namespace oocrpc::test {

/// What became of the calls of the service below.
struct service_trace {
    int begun = 0; ///< streams and slow calls
    int sent = 0;  ///< items
    int stopped = 0;
    std::vector<std::string> logged;
    std::string who; ///< who called last, by address and protocol
};

struct point {
    int x = 0;
    int y = 0;
};

/// Methods of every kind for cases about MongoDB's commands, in the service `demo`.
inline service make_mongodb_demo(service_trace& t) {
    static constexpr method<int(int, int)> add{"add", {"a", "b"}};
    static constexpr method<stream<int>(int, int)> count{"count", {"n", "ms"}};
    static constexpr method<stream<point>(int)> points{"points", {"n"}};
    static constexpr method<stream<std::string>(int, int)> texts{"texts", {"n", "size"}};
    static constexpr method<std::vector<int>(int)> numbers{"numbers", {"n"}};
    static constexpr method<std::vector<std::string>(int, int)> large{"large", {"n", "size"}};
    static constexpr method<int(int)> slow{"slow", {"ms"}};
    static constexpr method<void()> nothing{"nothing"};
    static constexpr method<void(std::string, std::string, int)> fail{"fail",
                                                                      {"message", "detail", "code"}};
    static constexpr method<void(std::string)> log{"log", {"text"}};
    static constexpr method<bson::value(bson::value)> keep{"keep", {"_id"}};
    static constexpr method<stream<int>(int)> broken{"broken", {"n"}};
    service s("demo", bare_names::yes);
    s.on(add, [](int a, int b) { return a + b; })
        .on(numbers,
            [](int n) {
                std::vector<int> all(static_cast<std::size_t>(n));
                for (int i = 0; i < n; ++i) all[static_cast<std::size_t>(i)] = i;
                return all;
            })
        .on(large,
            [](int n, int size) {
                const std::string one(static_cast<std::size_t>(size), 'x');
                return std::vector(static_cast<std::size_t>(n), one);
            })
        .on(nothing, [] {})
        .on(fail, [](std::string m, std::string d,
                     int code) { throw rpc_error(std::move(m), std::move(d), code); })
        .on(log,
            [&t](std::string text) {
                if (text == "bad") throw rpc_error("rejected", "bad text");
                t.logged.push_back(std::move(text));
            })
        .on(keep, [](bson::value v) { return v; });
    s.on(slow, [&t](int ms) -> awaitable<int> {
        ++t.begun;
        try {
            co_await sleep_for(std::chrono::milliseconds(ms));
        } catch (...) {
            ++t.stopped;
            throw;
        }
        co_return ms;
    });
    s.on(count, [&t](context& c, int n, int ms, sink<int>& out) -> awaitable<void> {
        ++t.begun;
        t.who = c.info().address + " " + c.info().protocol;
        try {
            for (int i = 0; i < n; ++i) {
                if (ms > 0) co_await sleep_for(std::chrono::milliseconds(ms));
                co_await out.send(i);
                ++t.sent;
            }
        } catch (...) {
            ++t.stopped;
            throw;
        }
    });
    s.on(points, [](int n, sink<point>& out) -> awaitable<void> {
        for (int i = 0; i < n; ++i) {
            point p{i, -i};
            co_await out.send(p);
        }
    });
    s.on(texts, [](int n, int size, sink<std::string>& out) -> awaitable<void> {
        for (int i = 0; i < n; ++i) {
            std::string one(static_cast<std::size_t>(size), 'x');
            co_await out.send(std::move(one));
        }
    });
    s.on(broken, [](int n, sink<int>& out) -> awaitable<void> {
        for (int i = 0; i < n; ++i) co_await out.send(i);
        throw rpc_error("broken", "after some items", 8123);
    });
    return s;
}

} // namespace oocrpc::test
