#include "support/link.hpp"
#include "support/run.hpp"
#include "support/spawned.hpp"

#include <host/exit.hpp>
#include <host/text_server.hpp>
#include <poetry/poems.hpp>

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using asio::ip::tcp;
using poetry::pace;
using poetry::poems;
using test::settle;
using test::spawned;

namespace {

std::vector<poetry::poem> two_poems() {
    return {{"first", "one two\n"}, {"second", "drei vier\n"}};
}

/// The poems on a connection in memory and on a text port.
struct served : test::link {
    served(const any_io_executor& ex, poems p)
        : link(ex, p.handler()),
          all(std::move(p)),
          text(ex, {"127.0.0.1", 0}, all.text()) {
        const auto where = text.address();
        const auto port = std::stoi(where.substr(where.rfind(':') + 1));
        text_at =
            tcp::endpoint(asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(port));
        text_runs.start(ex, text.run());
    }
    awaitable<void> stop() {
        close();
        if (!text_runs.done) text_runs.cancel();
        while (!text_runs.done) co_await asio::post(use_awaitable);
        co_await settle();
        CHECK(!text_runs.error);
    }
    awaitable<tcp::socket> connect_text() {
        tcp::socket s(co_await this_coro::executor);
        co_await s.async_connect(text_at, use_awaitable);
        co_return s;
    }
    /// Waits for real bytes to travel.
    awaitable<void> until_in_flight(std::int64_t n) {
        while (all.now().in_flight != n) co_await asio::post(use_awaitable);
    }

    poems all;
    host::text_server text;
    tcp::endpoint text_at;
    spawned text_runs;
};

template <class F> void with_poems(pace how, F f) {
    test::run([&f, how]() -> awaitable<void> {
        poems all(two_poems(), how);
        served s(co_await this_coro::executor, all);
        std::exception_ptr failed;
        try {
            co_await f(s);
        } catch (...) {
            failed = std::current_exception();
        }
        co_await s.stop();
        if (failed) std::rethrow_exception(failed);
    });
}

awaitable<std::string> read_all(tcp::socket& from) {
    std::string text;
    auto [ec, n] = co_await asio::async_read(from, asio::dynamic_buffer(text), use_tuple);
    CHECK(ec == asio::error::eof);
    co_return text;
}

constexpr pace slowly{4, 500ms};

} // namespace

TEST_SUITE("poetry") {

TEST_CASE("get_poem gives the poem of that name, without a name the first") {
    with_poems({}, [](served& s) -> awaitable<void> {
        auto c = s.db();
        CHECK(co_await c.call(poetry::get_poem, std::nullopt) == "one two\n");
        CHECK(co_await c.call(poetry::get_poem, "second") == "drei vier\n");
        const std::vector<std::string> names{"first", "second"};
        CHECK(co_await c.call(poetry::list) == names);
        auto first = co_await c.call("poetry.get_poem");
        CHECK(first == "one two\n");
    });
}

TEST_CASE("a poem that is not there is an error that names it") {
    for (pace how : {pace{}, slowly})
        with_poems(how, [](served& s) -> awaitable<void> {
            auto c = s.db();
            std::string detail;
            try {
                co_await c.call(poetry::get_poem, "third");
            } catch (const rpc_error& e) {
                CHECK(e.message() == "no_such_poem");
                detail = e.detail();
            }
            CHECK(detail == "'third': no such poem");
            CHECK(s.all.now().failed == 1);
            CHECK(s.all.now().in_flight == 0);
        });
}

TEST_CASE("a slow poem is answered after the whole time it takes to tell") {
    with_poems(slowly, [](served& s) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto& time = oocrpc::clock::of(ex);
        auto c = s.db();
        const auto start = time.now();
        CHECK(co_await c.call(poetry::get_poem, "second") == "drei vier\n");
        CHECK(time.now() - start == 1500ms); // 10 bytes, 4 at a time
    });
}

TEST_CASE("the text port writes the first poem and closes") {
    for (pace how : {pace{}, slowly})
        with_poems(how, [](served& s) -> awaitable<void> {
            auto reader = co_await s.connect_text();
            auto text = co_await read_all(reader);
            CHECK(text == "one two\n");
            CHECK(s.all.now().finished == 1);
        });
}

TEST_CASE("what a client of the text port says is read and ignored") {
    with_poems(slowly, [](served& s) -> awaitable<void> {
        auto reader = co_await s.connect_text();
        const std::string request = "GET / HTTP/1.1\r\n\r\n";
        co_await asio::async_write(reader, asio::buffer(request), use_awaitable);
        auto text = co_await read_all(reader);
        CHECK(text == "one two\n");
    });
}

TEST_CASE("a client of the text port that hangs up ends the work") {
    with_poems({1, 60s}, [](served& s) -> awaitable<void> {
        {
            auto reader = co_await s.connect_text();
            co_await s.until_in_flight(1);
        }
        co_await s.until_in_flight(0);
        CHECK(s.all.now().cancelled == 1);
    });
}

TEST_CASE("a caller that hangs up ends the work") {
    with_poems({1, 10s}, [](served& s) -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        spawned call;
        auto work = [&]() -> awaitable<void> {
            co_await s.db().call(poetry::get_poem, std::nullopt);
        };
        call.start(ex, work());
        co_await s.until_in_flight(1);
        s.close();
        co_await s.until_in_flight(0);
        CHECK(s.all.now().cancelled == 1);
        while (!call.done) co_await asio::post(use_awaitable);
        co_await settle();
    });
}

TEST_CASE("a draining text port lets its clients read to the end") {
    with_poems(slowly, [](served& s) -> awaitable<void> {
        {
            auto reader = co_await s.connect_text();
            co_await s.until_in_flight(1);
            s.text_runs.cancel();
            auto text = co_await read_all(reader);
            CHECK(text == "one two\n");
        }
        while (!s.text_runs.done) co_await asio::post(use_awaitable);
    });
}

TEST_CASE("a text port that drains when it is told to is cut short when it is cancelled") {
    for (const bool at_once : {true, false}) {
        CAPTURE(at_once);
        with_poems({1, 60s}, [&](served& s) -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            host_port any;
            any.host = "127.0.0.1";
            host::text_server idle(ex, any, nullptr);
            CHECK(!idle.drain()); // run() has not begun
            auto reader = co_await s.connect_text();
            co_await s.until_in_flight(1);
            CHECK(s.text.drain());
            if (!at_once) co_await settle();
            CHECK(!s.text_runs.done);
            s.text_runs.cancel();
            co_await settle();
            CHECK(s.text_runs.done);
            CHECK(is_cancelled(std::exchange(s.text_runs.error, nullptr)));
            CHECK(s.all.now().cancelled == 1);
        });
    }
}

TEST_CASE("a text port that is taken is an error that names it") {
    test::run([]() -> awaitable<void> {
        auto ex = co_await this_coro::executor;
        auto nothing = [](host::text_writer) -> awaitable<void> { co_return; };
        host::text_server one(ex, {"127.0.0.1", 0}, nothing);
        const auto where = one.address().substr(5);
        std::string detail;
        try {
            host::text_server two(ex, host_port::parse(where), nothing);
        } catch (const rpc_error& e) {
            CHECK(e.code() == errc::unavailable);
            detail = e.detail();
        }
        CHECK(detail == "cannot listen on " + where + ": Address already in use");
    });
}

TEST_CASE("two poems of one name are refused") {
    const std::vector<poetry::poem> twins{{"a", "x"}, {"a", "y"}};
    CHECK_THROWS_WITH_AS(poems{twins}, "two poems have the name 'a'", host::failure);
}

} // TEST_SUITE("poetry")
