#include "support/link.hpp"
#include "support/passing_stream.hpp"
#include "support/run.hpp"
#include "support/scripted_peer.hpp"
#include "support/spawned.hpp"

#include <oocrpc/service.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::byte_peer;

namespace {

constexpr method<int(int)> wait_for{"demo.wait", {"ms"}};
constexpr method<void()> nothing{"demo.nothing"};
constexpr method<std::string(int)> letters{"demo.letters", {"which"}};
constexpr method<void()> stubborn{"demo.stubborn"};
constexpr std::size_t many_letters = 60'000;

service sleeper() {
    service demo("demo");
    demo.on(wait_for, [](int ms) -> awaitable<int> {
        co_await sleep_for(std::chrono::milliseconds(ms));
        co_return ms;
    });
    demo.on(nothing, [] {});
    demo.on(letters, [](int which) {
        return std::string(many_letters, static_cast<char>('a' + which % 26));
    });
    return demo;
}

std::shared_ptr<connection> serve(std::unique_ptr<byte_stream> bytes, const service& s) {
    return connection::start(std::move(bytes), std::make_unique<native_codec>(),
                             std::make_shared<const handler>(s));
}

/// A stream whose n-th write fails, and that counts what is written after it.
class breaking_stream final : public test::passing_stream {
  public:
    breaking_stream(std::unique_ptr<byte_stream> inner, int n, int& after)
        : passing_stream(std::move(inner)),
          left_(n),
          after_(after) {}
    std::size_t try_write(bytes) noexcept override {
        if (left_ <= 0) ++after_;
        return 0;
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        if (--left_ > 0) return passing_stream::write(from, std::move(user));
        if (left_ < 0) ++after_;
        fail_write(std::move(user));
    }

  private:
    int left_;
    int& after_;
};

std::size_t count(const std::string& text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
}

std::string calls(int n, int ms) {
    const auto one = test::frame(R"({"call": {"funcname": "demo.wait", "arguments": [)" +
                                 std::to_string(ms) + "]}}");
    std::string all;
    for (int i = 0; i < n; ++i) all += one;
    return all;
}

} // namespace

TEST_SUITE("connection") {

TEST_CASE("a peer without ids may pipeline more calls than may run at once, and none is refused") {
    test::run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto callee = serve(std::move(there), sleeper());
        byte_peer base(std::move(here));
        auto writing = [&]() -> awaitable<void> { co_await base.write(calls(5000, 10)); };
        test::spawned writer(ex, writing());
        std::string answers;
        while (count(answers, "reply") < 5000) answers += co_await base.read();
        CHECK(count(answers, "overloaded") == 0);
        base.stream().close();
        co_await sleep_for(1ms);
    });
}

TEST_CASE("a peer without ids that hangs up while it is read from no more cancels its calls") {
    test::run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        auto callee = serve(std::move(there), sleeper());
        byte_peer base(std::move(here));
        auto writing = [&]() -> awaitable<void> { co_await base.write(calls(5000, 100'000)); };
        test::spawned writer(ex, writing());
        co_await sleep_for(10ms);
        CHECK(callee->running() == 1024);
        base.stream().close();
        co_await sleep_for(200ms);
        CHECK(callee->running() == 0);
        CHECK(callee->closed());
    });
}

TEST_CASE(
    "answers that a peer reads late are all there, whole and in order, and counted meanwhile") {
    test::run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        connection_options options;
        options.memory = std::make_shared<memory_budget>(100 << 20);
        auto callee = connection::start(std::move(there), std::make_unique<native_codec>(),
                                        std::make_shared<const handler>(sleeper()), options);
        byte_peer base(std::move(here));
        constexpr int asked = 100;
        std::string all;
        for (int i = 0; i < asked; ++i)
            all += test::frame(R"({"call": {"funcname": "demo.letters", "arguments": [)" +
                               std::to_string(i) + "]}}");
        co_await base.write(all);
        co_await sleep_for(10ms);
        // As many as may be queued, and then no more are made.
        CHECK(options.memory->used() > 4 << 20);
        CHECK(options.memory->used() < 6 << 20);
        std::string answers;
        while (count(answers, "reply") < asked || answers.size() < asked * many_letters)
            answers += co_await base.read();
        std::size_t at = 0;
        for (int i = 0; i < asked; ++i) {
            const std::string one(many_letters, static_cast<char>('a' + i % 26));
            at = answers.find(one, at);
            REQUIRE(at != answers.npos);
            at += one.size();
        }
        base.stream().close();
        callee.reset();
        co_await sleep_for(1ms);
        CHECK(options.memory->used() == 0);
    });
}

TEST_CASE("after a write that failed nothing is written, and nothing is kept for it") {
    test::run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto [here, there] = make_stream_pair(ex, ex);
        int after_failure = 0;
        auto breaking = std::make_unique<breaking_stream>(std::move(there), 8, after_failure);
        connection_options options;
        options.memory = std::make_shared<memory_budget>(100 << 20);
        int cancelled = 0;
        service demo = sleeper();
        demo.on(stubborn, [&cancelled]() -> awaitable<void> {
            try {
                co_await sleep_for(1h);
            } catch (const rpc_error&) {
                ++cancelled;
            }
            (co_await this_coro::cancellation_state).clear();
            co_await sleep_for(50ms);
        });
        auto callee = connection::start(std::move(breaking), std::make_unique<native_codec>(),
                                        std::make_shared<const handler>(demo), options);
        byte_peer base(std::move(here));
        std::string all =
            test::frame(R"({"call": {"funcname": "demo.stubborn", "arguments": []}, "id": 1})");
        for (int i = 0; i < 60; ++i)
            all += test::frame(R"({"call": {"funcname": "demo.letters", "arguments": [)" +
                               std::to_string(i) + R"(]}, "id": )" + std::to_string(i + 2) + "}");
        co_await base.write(all);
        co_await sleep_for(10ms);
        CHECK(options.memory->used() > 3 << 20);
        std::string answers;
        while (!callee->closed()) answers += co_await base.read();
        co_await sleep_for(10ms);
        CHECK(cancelled == 1);
        CHECK(callee->running() == 1); // and keeps the connection
        CHECK(options.memory->used() < 1 << 20);
        CHECK(after_failure == 0);
        callee.reset();
        co_await sleep_for(100ms);
        CHECK(options.memory->used() == 0);
    });
}

TEST_CASE("any number of one-way calls leaves room for the next call") {
    test::run([]() -> awaitable<void> {
        test::link link(co_await this_coro::executor, sleeper());
        auto db = link.db();
        for (int i = 0; i < 70'000; ++i) co_await db.notify(nothing);
        CHECK(co_await db.call(wait_for, 1) == 1);
    });
}

} // TEST_SUITE("connection")
