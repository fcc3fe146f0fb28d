#include "support/demo_service.hpp"
#include "support/run.hpp"
#include "support/served.hpp"
#include "support/temporary.hpp"

#include <oocrpc/client.hpp>
#include <oocrpc/network.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/service.hpp>
#include <oocrpc/testing/scripted_peer.hpp>
#include <oocrpc/when.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/strand.hpp>

#include <algorithm>
#include <fstream>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

std::string refusal(server& s, const std::string& at) {
    try {
        s.listen(at);
    } catch (const rpc_error& e) {
        return e.what();
    }
    return "";
}

/// Where the cases that need no socket have their server.
const std::string alpha = "oocrpc://alpha:9000";

awaitable<std::string> ask_slow(client& db, int ms) {
    json arguments = json::array({ms});
    return outcome(db, "slow", std::move(arguments));
}

/// Calls `slow` and keeps the outcome.
struct slow_call {
    slow_call(const any_io_executor& ex, client& db, int ms) { run.start(ex, body(db, ms)); }
    awaitable<void> body(client& db, int ms) { text = co_await ask_slow(db, ms); }
    std::string text;
    spawned run;
};

/// A network in memory whose one connection is accepted as the server begins to drain.
class arriving_late final : public network {
  public:
    awaitable<std::unique_ptr<byte_stream>> connect(url, std::source_location) override {
        const auto ex = co_await this_coro::executor;
        auto [near, far] = make_stream_pair(ex, ex);
        arrived_ = std::move(far);
        arrives_.fire(); // accept() returns at the next turn of the loop
        drains->drain();
        co_return std::move(near);
    }
    std::unique_ptr<listener> listen(any_io_executor, url at, port_sharing,
                                     std::source_location) override {
        return std::make_unique<door>(*this, at);
    }

    server* drains = nullptr;

  private:
    struct door final : listener {
        door(arriving_late& n, url a) : net(n), at(std::move(a)) {}
        awaitable<std::unique_ptr<byte_stream>> accept() override {
            auto arrives = net.arrives_;
            co_await arrives.wait();
            if (net.arrived_) co_return std::move(net.arrived_);
            auto closes = closed;
            co_await closes.wait();
            throw std::system_error(asio::error::operation_aborted);
        }
        void close() noexcept override {
            if (!closed.fired()) closed.fire();
        }
        const url& address() const noexcept override { return at; }

        arriving_late& net;
        url at;
        promise<void> closed;
    };

    promise<void> arrives_;
    std::unique_ptr<byte_stream> arrived_;
};

} // namespace

TEST_SUITE("server") {

TEST_CASE("messages that a socket takes in parts arrive whole, both ways") {
    run([]() -> awaitable<void> {
        constexpr method<std::string(int, std::string)> tag{"tag", {"n", "text"}};
        const auto ex = co_await this_coro::executor;
        service table{""};
        table.on(tag, [](int n, const std::string& text) { return std::to_string(n) + text; });
        server s(ex);
        const auto at = s.listen("oocrpc://127.0.0.1:0").to_string();
        spawned serving(ex, s.run(table));
        {
            client db(ex, at);
            const std::string text(3u << 20, 'x');
            int whole = 0;
            auto call = [&](int n) -> awaitable<void> {
                const auto answer = co_await db.call(tag, n, text);
                whole += answer == std::to_string(n) + text;
            };
            std::vector<awaitable<void>> all;
            for (int n = 0; n < 6; ++n) all.push_back(call(n));
            co_await gather(std::move(all));
            CHECK(whole == 6);
        }
        s.drain();
        co_await settle();
        CHECK(serving.done);
    });
}

TEST_CASE("more calls at once than have a turn are all answered, also on a strand") {
    for (const bool on_strand : {false, true}) {
        CAPTURE(on_strand);
        run([&](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
            const any_io_executor ex =
                on_strand ? any_io_executor(asio::make_strand(io)) : io.get_executor();
            server s(ex);
            const auto at = s.listen("oocrpc://127.0.0.1:0").to_string();
            spawned serving(ex, s.run(make_demo()));
            int right = 0;
            const auto call = [&right](client& db, int n) -> awaitable<void> {
                const auto sum = co_await db.call(add, n, 1);
                right += sum == n + 1;
            };
            {
                client first(ex, at), second(ex, at);
                std::vector<awaitable<void>> all;
                for (int n = 0; n < 500; ++n) {
                    all.push_back(call(first, n));
                    all.push_back(call(second, n));
                }
                co_await gather(std::move(all));
            }
            CHECK(right == 1000);
            s.drain();
            while (!serving.done) co_await settle();
        });
    }
}

TEST_CASE("a server listens on several addresses and tells where") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        temporary_path socket;
        std::vector<std::string> seen;
        server_options options;
        options.on_connected = [&](const peer_info& p) { seen.push_back("+" + p.address); };
        options.on_disconnected = [&](const peer_info& p, const rpc_error& e) {
            seen.push_back("-" + p.address + " " + e.what());
        };
        server s(ex, options);
        const auto tcp = s.listen("oocrpc://127.0.0.1:0");
        s.listen(socket.url());
        CHECK(tcp.port != 0);
        REQUIRE(s.addresses().size() == 2);
        CHECK(s.addresses()[1].to_string() == socket.url());
        spawned serving(ex, s.run(make_demo()));
        {
            client a(ex, tcp.to_string()), b(ex, socket.url());
            CHECK(co_await a.call(add, 1, 2) == 3);
            CHECK(co_await b.call(add, 3, 4) == 7);
            CHECK(s.connections() == 2);
        }
        co_await settle();
        CHECK(s.connections() == 0);
        s.drain();
        co_await settle();
        CHECK(serving.done);
        REQUIRE(seen.size() == 4);
        CHECK(seen[0].starts_with("+127.0.0.1:"));
        CHECK(seen[1] == "+unix");
        CHECK(std::count(seen.begin(), seen.end(),
                         "-unix unavailable: the peer closed the connection") == 1);
        CHECK(!std::filesystem::exists(socket.path));
    });
}

TEST_CASE("an address that is taken, or cannot be, is refused by name") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server s(ex), other(ex);
        const auto at = s.listen("oocrpc://127.0.0.1:0").to_string();
        CHECK(refusal(other, at) ==
              "unavailable: cannot listen on " + at + ": Address already in use");
        CHECK(refusal(other, "oocrpc+unix:///nowhere/at/all") ==
              "unavailable: cannot listen on oocrpc+unix:///nowhere/at/all: No such file or "
              "directory");
        CHECK(refusal(other, "oocrpc://x").starts_with("invalid_argument: 'oocrpc://x'"));
        const std::string mongodb = "mongodb://127.0.0.1:0/?";
        // What would be encrypted were it spelt right does not listen in plain text.
        for (const std::string bad : {"tls=True", "tls=1", "ssl=yes"})
            CHECK(refusal(other, mongodb + bad) ==
                  "invalid_argument: the option " + bad + ": true or false is expected");
        CHECK(refusal(other, mongodb + "tls=true&ssl=false").ends_with("contradict each other"));
        CHECK(refusal(other, mongodb + "appName=x")
                  .ends_with("a listener has no option appName, only tls=true and tls=false"));
        CHECK(refusal(other, "mongodb://a@127.0.0.1:0").ends_with("names no user"));
        CHECK(refusal(other, mongodb + "tls=false&SSL=false") == "");
        co_return;
    });
}

TEST_CASE("a Unix socket that a dead process left is replaced, a live one and a file are not") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        temporary_path stale, file;
        {
            asio::local::stream_protocol::acceptor left(ex, stale.path);
        }
        CHECK(std::filesystem::is_socket(stale.path));
        server s(ex), other(ex);
        CHECK(refusal(s, stale.url()) == "");
        CHECK(refusal(other, stale.url()).ends_with("Address already in use"));
        std::ofstream(file.path) << "text";
        CHECK(refusal(other, file.url()).ends_with("Address already in use"));
        CHECK(std::filesystem::is_regular_file(file.path));
        co_return;
    });
}

TEST_CASE("a drain finishes what runs, takes nothing new, and ends with the last call") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        const auto ex = io.get_executor();
        server s(ex);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo()));
        client db(ex, alpha), late(ex, alpha);
        slow_call call(ex, db, 100);
        co_await settle();
        const auto begun = time.now();
        serving.cancel(); // which is how run() is told to drain
        co_await settle();
        CHECK((co_await ask_slow(late, 1)).starts_with("unavailable: "));
        CHECK(!serving.done);
        while (!serving.done) co_await sleep_for(1ms);
        CHECK(time.now() - begun <= 110ms);
        CHECK(what(serving.error) == "");
        CHECK(call.text == "100");
        db.close();
        late.close();
    });
}

TEST_CASE("a connection that was accepted as the drain began is served, and told to go elsewhere") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const auto late = std::make_shared<arriving_late>();
        network::use(io, late);
        const auto ex = io.get_executor();
        server s(ex);
        late->drains = &s;
        s.listen("oocrpc://memory:1");
        spawned serving(ex, s.run(make_demo()));
        co_await settle();
        client c(ex, "oocrpc://memory:1");
        CHECK(co_await c.call(add, 1, 2) == 3);
        while (!serving.done) co_await sleep_for(10ms);
        CHECK(!serving.error);
    });
}

TEST_CASE("what still runs after the drain time is cancelled") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        const auto ex = io.get_executor();
        int cancelled = 0;
        server_options options;
        options.drain_timeout = 50ms;
        server s(ex, options);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo(&cancelled)));
        client db(ex, alpha);
        slow_call call(ex, db, 60'000);
        co_await settle();
        const auto begun = time.now();
        s.drain();
        while (!serving.done) co_await sleep_for(1ms);
        CHECK(time.now() - begun <= 55ms);
        co_await settle();
        CHECK(cancelled == 1);
        CHECK(call.text.starts_with("unavailable: "));
        db.close();
    });
}

TEST_CASE("accepting pauses while there are as many connections as there may be") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server_options options;
        options.max_connections = 1;
        server s(ex, options);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo()));
        client first(ex, alpha), second(ex, alpha);
        CHECK(co_await first.call(add, 1, 2) == 3);
        slow_call waiting(ex, second, 1);
        co_await settle();
        CHECK(waiting.text == "");
        CHECK(s.connections() == 1);
        first.close();
        co_await sleep_for(20ms);
        CHECK(waiting.text == "1");
        second.close();
        s.drain();
        co_await settle();
        CHECK(serving.done);
    });
}

TEST_CASE("the longest that a call may run is the server's deadline") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server_options options;
        options.max_call_time = 40ms;
        server s(ex, options);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo()));
        client db(ex, alpha);
        CHECK(co_await ask_slow(db, 1000) == "deadline_exceeded: server deadline of 40 ms passed");
        db.close();
        s.drain();
        co_await settle();
        CHECK(serving.done);
    });
}

TEST_CASE("destroying a server ends its connections and cancels its calls") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        temporary_path socket;
        int cancelled = 0;
        auto s = std::make_unique<server>(ex);
        s->listen(socket.url());
        spawned serving(ex, s->run(make_demo(&cancelled)));
        client db(ex, socket.url());
        slow_call call(ex, db, 60'000);
        co_await settle();
        s.reset();
        co_await settle();
        CHECK(serving.done);
        CHECK(cancelled == 1);
        CHECK(call.text.starts_with("unavailable: "));
        CHECK(!std::filesystem::exists(socket.path));
        db.close();
    });
}

TEST_CASE("client, server and loop may be destroyed after any number of steps") {
    for (int steps = 0; steps < 60; ++steps) {
        temporary_path socket;
        asio::io_context io;
        oocrpc::clock::of(io).use_virtual();
        {
            server s(io.get_executor());
            s.listen(socket.url());
            asio::co_spawn(io, s.run(make_demo()), [](std::exception_ptr) {});
            client_options options;
            options.connections = 2;
            client db(io.get_executor(), socket.url(), options);
            int told = 0;
            auto call = [&](int ms) -> awaitable<void> {
                co_await ask_slow(db, ms);
                ++told;
            };
            for (int i = 0; i < 3; ++i) asio::co_spawn(io, call(i * 10), [](std::exception_ptr) {});
            for (int i = 0; i < steps; ++i)
                if (io.poll_one() == 0) oocrpc::clock::of(io).advance_to_next();
            if (steps % 3 == 1) db.close();
            if (steps % 3 == 2) s.drain();
            if (steps % 2) io.poll();
            CHECK(told <= 3);
            io.stop();
            // What waits refers to this scope, so the loop's work goes before it.
            if (steps % 4 == 0) continue;
            io.restart();
            db.close();
            s.drain();
            while (io.poll() > 0 || oocrpc::clock::of(io).advance_to_next()) {
            }
        }
    }
}

TEST_CASE("a loop that is destroyed while floods and ends wait for their turns keeps nothing") {
    std::string flood;
    for (int i = 1; i <= 2000; ++i)
        flood += testing::frame(R"({"call": {"funcname": "t.wait", "arguments": []}, "id": )" +
                                std::to_string(i) + "}");
    for (int turns = 1; turns < 200; turns += turns / 4 + 1) {
        const auto held = std::make_shared<int>(5);
        {
            asio::io_context loop(1);
            service t("t");
            t.on(method<int()>{"t.wait"}, [held]() -> awaitable<int> {
                co_await sleep_for(1h);
                co_return *held;
            });
            server s(loop.get_executor());
            const auto at = s.listen("oocrpc://127.0.0.1:0");
            asio::co_spawn(loop, s.run(t), [](std::exception_ptr) {});
            std::vector<asio::ip::tcp::socket> peers;
            for (int i = 0; i < 4; ++i) {
                auto& peer = peers.emplace_back(loop);
                peer.connect({asio::ip::make_address("127.0.0.1"), at.port});
                peer.non_blocking(true);
                std::error_code ignored;
                peer.write_some(asio::buffer(flood), ignored);
            }
            for (int i = 0; i < turns; ++i) loop.poll_one();
            peers.pop_back(); // which the server has to find out
            for (int i = 0; i < turns; ++i) loop.poll_one();
        }
        CHECK(held.use_count() == 1);
    }
}

} // TEST_SUITE("server")
