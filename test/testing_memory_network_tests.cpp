#include "support/demo_service.hpp"
#include "support/run.hpp"
#include "support/scripted_peer.hpp"
#include "support/spawned.hpp"
#include "support/temporary.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/deadline.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/testing/fails.hpp>

#include <asio/error.hpp>

#include <optional>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;
using testing::memory_network;

namespace {

/// Reads and writes that throw their errors.
class end_of_stream {
  public:
    explicit end_of_stream(std::unique_ptr<byte_stream> s)
        : bytes_(std::move(s)),
          stream(&bytes_.stream()) {}

    awaitable<std::string> read() {
        auto got = co_await bytes_.read();
        if (got.empty()) throw std::system_error(bytes_.error());
        co_return got;
    }
    awaitable<void> write(std::string data) {
        const bool written = co_await bytes_.write(std::move(data));
        if (!written) throw std::system_error(bytes_.error());
    }

  private:
    byte_peer bytes_;

  public:
    byte_stream* stream;
};

/// A connection from the test, `here`, to the host alpha, `there`.
struct connection_to_alpha {
    awaitable<void> open() {
        const auto at = url::parse("oocrpc://alpha:0");
        from = listener::open(co_await this_coro::executor, at);
        here.emplace(co_await connect_stream(from->address()));
        there.emplace(co_await from->accept());
    }
    std::unique_ptr<listener> from;
    std::optional<end_of_stream> here, there;
};

std::string refusal(const any_io_executor& ex, const std::string& at,
                    port_sharing sharing = port_sharing::exclusive) {
    try {
        listener::open(ex, url::parse(at), sharing);
    } catch (const rpc_error& e) {
        return e.what();
    }
    return "";
}

awaitable<std::string> connecting(std::string to) {
    const auto at = url::parse(to);
    std::string text;
    try {
        co_await connect_stream(at);
    } catch (const rpc_error& e) {
        text = e.what();
    }
    co_return text;
}

} // namespace

TEST_SUITE("testing_memory_network") {

TEST_CASE("hosts have names, and both ends of a connection know the other's") {
    run([]() -> awaitable<void> {
        connection_to_alpha c;
        co_await c.open();
        const auto port = std::to_string(c.from->address().port);
        CHECK(port != "0");
        CHECK(c.from->address().to_string() == "oocrpc://alpha:" + port);
        CHECK(c.here->stream->peer_address() == "alpha:" + port);
        CHECK(c.there->stream->peer_address().starts_with("test:"));
        co_await c.here->write("to alpha");
        CHECK(co_await c.there->read() == "to alpha");
        co_await c.there->write("and back");
        CHECK(co_await c.here->read() == "and back");
    });
}

TEST_CASE("connecting fails as with sockets where there is no such host, or nobody listens") {
    run([](memory_network& net) -> awaitable<void> {
        CHECK(co_await connecting("oocrpc://alpha:9000") ==
              "unavailable: oocrpc://alpha:9000: Host not found (authoritative)");
        net.host("alpha");
        CHECK(co_await connecting("oocrpc://alpha:9000") ==
              "unavailable: oocrpc://alpha:9000: Connection refused");
        const auto at = url::parse("oocrpc://alpha:9000");
        auto from = listener::open(co_await this_coro::executor, at);
        CHECK(co_await connecting("oocrpc://alpha:9001") != "");
        CHECK(co_await connecting("oocrpc://alpha:9000") == "");
        net.host("alpha").refuse();
        CHECK(co_await connecting("oocrpc://alpha:9000") ==
              "unavailable: oocrpc://alpha:9000: Connection refused");
        net.host("alpha").heal();
        CHECK(co_await connecting("oocrpc://alpha:9000") == "");
        from->close();
        CHECK(co_await connecting("oocrpc://alpha:9000") != "");
    });
}

TEST_CASE("an address has one listener, unless all of them share it and take turns") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const auto at = url::parse("oocrpc://alpha:9000"), shared = url::parse("oocrpc://alpha:1");
        auto first = listener::open(ex, at);
        CHECK(refusal(ex, "oocrpc://alpha:9000") ==
              "unavailable: cannot listen on oocrpc://alpha:9000: Address already in use");
        CHECK(refusal(ex, "oocrpc://alpha:9000", port_sharing::shared) != "");
        CHECK(refusal(ex, "oocrpc://beta:9000") == "");
        first->close();
        CHECK(refusal(ex, "oocrpc://alpha:9000") == "");

        auto one = listener::open(ex, shared, port_sharing::shared);
        auto two = listener::open(ex, shared, port_sharing::shared);
        for (int i = 0; i < 2; ++i) {
            auto a = co_await connect_stream(shared);
            auto b = co_await connect_stream(shared);
            co_await one->accept();
            co_await two->accept();
        }
    });
}

TEST_CASE("accepting ends when the listener closes, and with its coroutine") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        const auto at = url::parse("oocrpc://alpha:9000");
        auto from = listener::open(ex, at);
        auto accept = [&]() -> awaitable<void> { co_await from->accept(); };
        spawned given_up(ex, accept());
        co_await settle();
        given_up.cancel();
        co_await settle();
        CHECK(given_up.done);
        CHECK(is_cancelled(given_up.error));
        spawned accepting(ex, accept());
        co_await settle();
        from.reset();
        co_await settle();
        CHECK(accepting.done);
        CHECK(is_cancelled(accepting.error));
    });
}

TEST_CASE("IP addresses, localhost and Unix sockets are the system's") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        temporary_path socket;
        const std::string all[] = {"oocrpc://127.0.0.1:0", "oocrpc://localhost:0", socket.url()};
        for (const auto& text : all) {
            const auto at = url::parse(text);
            auto from = listener::open(ex, at);
            auto here = co_await connect_stream(from->address());
            CHECK(here->peer_address().find("alpha") == std::string::npos);
            co_await from->accept();
        }
    });
}

TEST_CASE("a server of the system's is reached as localhost before a timer fires") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server local(ex);
        const auto port = local.listen("oocrpc://127.0.0.1:0").port;
        task_group serving(ex);
        serving.spawn(local.run(make_demo()));
        {
            client c(ex, "oocrpc://localhost:" + std::to_string(port));
            CHECK(co_await c.call(add, 2, 3) == 5);
        }
        local.drain();
        co_await serving.join();
    });
}

TEST_CASE("a delay is the time of one way, for connecting and for each write") {
    run([](memory_network& net) -> awaitable<void> {
        auto& time = oocrpc::clock::of(co_await this_coro::executor);
        net.host("alpha").delay(50ms);
        connection_to_alpha c;
        auto begun = time.now();
        co_await c.open();
        CHECK(time.now() - begun == 100ms);
        begun = time.now();
        co_await c.here->write("to alpha");
        CHECK(time.now() == begun);
        CHECK(co_await c.there->read() == "to alpha");
        CHECK(time.now() - begun == 50ms);
        co_await c.there->write("and back");
        // What was sent later does not come earlier.
        net.host("alpha").delay(0ms);
        co_await c.there->write(", at once");
        CHECK(co_await c.here->read() == "and back, at once");
        CHECK(time.now() - begun == 100ms);
        net.host("alpha").delay(10ms);
        c.there->stream->close();
        CHECK_FAILS(c.here->read(), asio::error::eof);
        CHECK(time.now() - begun == 110ms);
    });
}

TEST_CASE("a delay belongs to its host alone") {
    run([](memory_network& net) -> awaitable<void> {
        auto& time = oocrpc::clock::of(co_await this_coro::executor);
        net.host("beta").delay(50ms);
        const auto begun = time.now();
        connection_to_alpha c;
        co_await c.open();
        CHECK(time.now() == begun);
    });
}

TEST_CASE("bytes arrive in pieces of the size given") {
    run([](memory_network& net) -> awaitable<void> {
        connection_to_alpha c;
        co_await c.open();
        net.host("alpha").split(3);
        co_await c.here->write("abcdefgh");
        CHECK(co_await c.there->read() == "abc");
        CHECK(co_await c.there->read() == "def");
        CHECK(co_await c.there->read() == "gh");
        net.host("alpha").split(1);
        co_await c.there->write("xyz");
        CHECK(co_await c.here->read() == "x");
        net.host("alpha").heal();
        CHECK(co_await c.here->read() == "yz");
    });
}

TEST_CASE("a cut resets both ends and loses what is on its way") {
    run([](memory_network& net) -> awaitable<void> {
        auto alpha = net.host("alpha");
        connection_to_alpha c, other;
        co_await c.open();
        co_await c.here->write("arrived");
        alpha.delay(1s);
        co_await c.here->write("lost");
        CHECK(alpha.connections() == 1);
        alpha.cut();
        CHECK(co_await c.there->read() == "arrived");
        CHECK_FAILS(c.there->read(), asio::error::connection_reset);
        CHECK_FAILS(c.here->read(), asio::error::connection_reset);
        CHECK_FAILS(c.here->write("more"), asio::error::connection_reset);
        CHECK(c.here->stream->hung_up());
        c.here.reset();
        c.there.reset();
        CHECK(alpha.connections() == 0);
        co_await other.open();
        CHECK(alpha.connections() == 1);
    });
}

TEST_CASE("a cut ends reads that wait already") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        connection_to_alpha c;
        co_await c.open();
        auto read = [&]() -> awaitable<void> {
            CHECK_FAILS(c.there->read(), asio::error::connection_reset);
        };
        spawned reading(ex, read());
        co_await settle();
        CHECK(!reading.done);
        net.host("alpha").cut();
        co_await settle();
        CHECK(reading.done);
    });
}

TEST_CASE("a cut after n bytes lets exactly these arrive, once") {
    run([](memory_network& net) -> awaitable<void> {
        auto alpha = net.host("alpha");
        alpha.cut_after_received(5);
        {
            connection_to_alpha c;
            co_await c.open();
            co_await c.there->write("not counted");
            co_await c.here->write("abc");
            CHECK_FAILS(c.here->write("defgh"), asio::error::connection_reset);
            CHECK(co_await c.there->read() == "abcde");
            CHECK_FAILS(c.there->read(), asio::error::connection_reset);
        }
        connection_to_alpha again;
        co_await again.open();
        co_await again.here->write("abcdefgh");
        CHECK(co_await again.there->read() == "abcdefgh");
        alpha.cut_after_sent(0);
        CHECK_FAILS(again.there->write("x"), asio::error::connection_reset);
        CHECK_FAILS(again.here->read(), asio::error::connection_reset);
    });
}

TEST_CASE("a partition holds what is sent, and tells nobody, until it is healed") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        auto alpha = net.host("alpha");
        connection_to_alpha c;
        co_await c.open();
        alpha.partition();
        co_await c.here->write("held");
        CHECK_FAILS(with_deadline(1min, c.there->read()), errc::deadline_exceeded);
        const auto& at = c.from->address();
        auto other = [&]() -> awaitable<void> { co_await connect_stream(at); };
        spawned connecting(ex, other());
        CHECK_FAILS(with_deadline(30s, connect_stream(at)), errc::deadline_exceeded);
        CHECK(!connecting.done);
        alpha.heal();
        co_await settle();
        CHECK(connecting.done);
        CHECK(!connecting.error);
    });
}

TEST_CASE("a partition holds the end of a stream, too") {
    run([](memory_network& net) -> awaitable<void> {
        connection_to_alpha c;
        co_await c.open();
        net.host("alpha").partition();
        co_await c.here->write("held");
        c.here->stream->close();
        co_await c.there->write("into the void");
        CHECK(!c.there->stream->hung_up());
        net.host("alpha").heal();
        CHECK(co_await c.there->read() == "held");
        CHECK_FAILS(c.there->read(), asio::error::eof);
        CHECK_FAILS(c.there->write("more"), asio::error::broken_pipe);
    });
}

TEST_CASE("a half close ends one direction") {
    run([]() -> awaitable<void> {
        connection_to_alpha c;
        co_await c.open();
        co_await c.here->write("question");
        c.here->stream->shutdown_send();
        CHECK(c.there->stream->hung_up());
        CHECK(co_await c.there->read() == "question");
        CHECK_FAILS(c.there->read(), asio::error::eof);
        co_await c.there->write("answer");
        CHECK(co_await c.here->read() == "answer");
    });
}

TEST_CASE("a writer waits for a reader that does not read") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        connection_to_alpha c;
        co_await c.open();
        spawned writing(ex, c.here->write(std::string(1'000'000, 'x')));
        co_await settle();
        CHECK(!writing.done);
        std::size_t got = 0;
        while (got < 1'000'000) got += (co_await c.there->read()).size();
        co_await settle();
        CHECK(writing.done);
        CHECK(!writing.error);
    });
}

TEST_CASE("closing a stream ends its own read and write") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        connection_to_alpha c;
        co_await c.open();
        auto read = [&]() -> awaitable<void> { co_await c.here->read(); };
        spawned reading(ex, read());
        spawned writing(ex, c.here->write(std::string(1'000'000, 'x')));
        co_await settle();
        c.here->stream->close();
        co_await settle();
        CHECK(is_cancelled(reading.error));
        CHECK(what(writing.error) == "Broken pipe");
    });
}

} // TEST_SUITE("testing_memory_network")
