#include "support/run.hpp"
#include "support/scripted_peer.hpp"
#include "support/spawned.hpp"

#include <host/text_server.hpp>

#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using test::byte_peer;
using test::settle;
using test::spawned;

namespace {

/// Clients of a text port in memory that tells each of them `text`, and then keeps it waiting.
struct site {
    site(const any_io_executor& ex, host::text_options how, std::string text = "hello")
        : port(ex, {"alpha", 9000}, telling(*this, std::move(text)), how),
          runs(ex, port.run()) {}
    static host::text_function telling(site& s, std::string text) {
        return [&s, text = std::move(text)](host::text_writer out) {
            return tell(s, std::move(out), text);
        };
    }
    static awaitable<void> tell(site& s, host::text_writer out, std::string text) {
        ++s.begun;
        std::exception_ptr failure;
        try {
            co_await out.write(std::move(text));
            ++s.told;
            co_await sleep_for(1h);
        } catch (...) {
            failure = std::current_exception();
        }
        ++s.ended;
        if (failure) std::rethrow_exception(failure);
    }
    static awaitable<std::unique_ptr<byte_peer>> visit() {
        auto stream = co_await connect_stream(url::parse("oocrpc://alpha:9000"));
        co_return std::make_unique<byte_peer>(std::move(stream));
    }
    awaitable<void> stop() {
        port.drain();
        runs.cancel();
        while (!runs.done) co_await sleep_for(1ms);
        runs.error = nullptr;
    }

    int begun = 0, told = 0, ended = 0;
    host::text_server port;
    spawned runs;
};

awaitable<std::string> said_within(byte_peer& from, std::chrono::milliseconds time) {
    std::string text = "silence";
    try {
        text = co_await with_deadline(time, from.read());
    } catch (const rpc_error&) {
    }
    co_return text;
}

template <class F> void at_site(host::text_options how, F f, std::string text = "hello") {
    auto whole = [&]() -> awaitable<void> {
        site s(co_await this_coro::executor, how, text);
        co_await f(s);
        co_await s.stop();
    };
    test::run(whole, 48h);
}

} // namespace

TEST_SUITE("text_server") {

TEST_CASE("an address has as many clients of a text port as it may, one more is closed at once") {
    host::text_options how;
    how.max_connections_per_address = 2;
    at_site(how, [](site& s) -> awaitable<void> {
        auto first = co_await s.visit(), second = co_await s.visit();
        CHECK(co_await said_within(*first, 1s) == "hello");
        CHECK(co_await said_within(*second, 1s) == "hello");
        for (int i = 0; i < 3; ++i) {
            auto third = co_await s.visit();
            CHECK(co_await said_within(*third, 1s) == "");
        }
        CHECK(s.begun == 2);
        first.reset();
        co_await settle();
        auto fourth = co_await s.visit();
        CHECK(co_await said_within(*fourth, 1s) == "hello");
    });
}

TEST_CASE("a text port that has max_connections serves the next client when one is gone") {
    host::text_options how;
    how.max_connections = 2;
    at_site(how, [](site& s) -> awaitable<void> {
        auto first = co_await s.visit(), second = co_await s.visit(), third = co_await s.visit();
        CHECK(co_await said_within(*second, 1s) == "hello");
        CHECK(co_await said_within(*third, 10s) == "silence");
        CHECK(s.begun == 2);
        first.reset();
        CHECK(co_await said_within(*third, 1s) == "hello");
        auto fourth = co_await s.visit(); // waits as the port drains
    });
}

TEST_CASE("a client of a text port that takes nothing for write_timeout is closed") {
    const std::string text(1 << 20, 'x');
    at_site(
        {},
        [](site& s) -> awaitable<void> {
            auto client = co_await s.visit();
            co_await sleep_for(29'999ms);
            CHECK(s.ended == 0);
            co_await sleep_for(1ms);
            co_await settle();
            CHECK(s.ended == 1);
            CHECK(s.told == 0);
            std::string got, more;
            while (!(more = co_await client->read()).empty()) got += more;
            CHECK(got.size() < 1 << 20);
        },
        text);
}

TEST_CASE("one that takes some within write_timeout gets all of it, however long that takes") {
    const std::string text(1 << 20, 'x');
    at_site(
        {},
        [](site& s) -> awaitable<void> {
            auto client = co_await s.visit();
            std::string got;
            while (got.size() < 1 << 20) {
                co_await sleep_for(29s);
                CHECK(s.ended == 0);
                const auto before = got.size();
                while (got.size() < std::min<std::size_t>(before + (32 << 10), 1 << 20))
                    got += co_await client->read();
            }
            CHECK(s.told == 1);
        },
        text);
}

TEST_CASE("without write_timeout a client may take all the time of the world") {
    host::text_options how;
    how.write_timeout = 0ms;
    const std::string text(1 << 20, 'x');
    at_site(
        how,
        [](site& s) -> awaitable<void> {
            auto client = co_await s.visit();
            co_await sleep_for(24h);
            CHECK(s.ended == 0);
        },
        text);
}

} // TEST_SUITE("text_server")
