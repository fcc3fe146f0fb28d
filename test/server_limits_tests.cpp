#include "support/demo_service.hpp"
#include "support/mongodb_driver.hpp"
#include "support/run.hpp"
#include "support/served.hpp"

#include <oocrpc/built_in.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/network.hpp>
#include <oocrpc/server.hpp>

#include <algorithm>
#include <deque>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

const std::string alpha = "oocrpc://alpha:9000";

/// A network whose listener fails as it is told to before it goes on.
class failing_network final : public network {
  public:
    std::deque<std::error_code> failures;
    int asked = 0; ///< how often accept() was called

    awaitable<std::unique_ptr<byte_stream>> connect(url to, std::source_location made) override {
        co_return co_await inner->connect(std::move(to), made);
    }
    std::unique_ptr<listener> listen(any_io_executor executor, url at, port_sharing sharing,
                                     std::source_location made) override {
        return std::make_unique<door>(
            *this, inner->listen(std::move(executor), std::move(at), sharing, made));
    }
    std::shared_ptr<network> inner;

  private:
    struct door final : listener {
        door(failing_network& n, std::unique_ptr<listener> l) : net(n), inner(std::move(l)) {}
        awaitable<std::unique_ptr<byte_stream>> accept() override {
            ++net.asked;
            if (!net.failures.empty()) {
                const auto failure = net.failures.front();
                net.failures.pop_front();
                if (failure == std::errc::not_enough_memory) throw std::bad_alloc();
                throw std::system_error(failure);
            }
            co_return co_await inner->accept();
        }
        void close() noexcept override { inner->close(); }
        const url& address() const noexcept override { return inner->address(); }

        failing_network& net;
        std::unique_ptr<listener> inner;
    };
};

/// Whoever connects, and whether the server has closed that.
struct visitor {
    explicit visitor(std::unique_ptr<byte_stream> s) : bytes(std::move(s)) {}
    awaitable<bool> is_served() {
        co_await bytes.write(frame(R"({"info": {"ping": 1}})"));
        const auto got = co_await bytes.read();
        co_return !got.empty();
    }
    byte_peer bytes;
};

awaitable<std::unique_ptr<visitor>> visit(const std::string& at) {
    auto s = co_await connect_stream(url::parse(at));
    co_return std::make_unique<visitor>(std::move(s));
}

awaitable<void> end(server& s, spawned& serving) {
    s.drain();
    while (!serving.done) co_await sleep_for(1ms);
    CHECK(what(serving.error) == "");
}

} // namespace

TEST_SUITE("server") {

TEST_CASE("an address has as many connections as it may, and one more is closed at once") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<std::string> told;
        server_options options;
        options.max_connections_per_address = 2;
        options.on_refused = [&](const url& at, const std::string& peer, std::size_t n) {
            told.push_back(at.to_string() + " " + peer.substr(0, peer.find(':')) + " " +
                           std::to_string(n));
        };
        server s(ex, options);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo()));
        auto first = co_await visit(alpha), second = co_await visit(alpha);
        CHECK(co_await first->is_served());
        CHECK(co_await second->is_served());
        for (int i = 0; i < 3; ++i) {
            auto third = co_await visit(alpha);
            CHECK(!co_await third->is_served());
        }
        CHECK(s.connections() == 2);
        // Of a flood there is one line a second.
        CHECK(told == std::vector<std::string>{alpha + " test 1"});
        co_await sleep_for(1s);
        {
            auto third = co_await visit(alpha);
            CHECK(!co_await third->is_served());
        }
        CHECK(told.back() == alpha + " test 3");
        second.reset();
        co_await settle();
        auto third = co_await visit(alpha);
        CHECK(co_await third->is_served());
        first.reset();
        third.reset();
        co_await end(s, serving);
    });
}

TEST_CASE("servers that share a registry share the number of connections, whoever has them") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server_options options;
        options.max_connections = 2;
        options.registry = std::make_shared<call_registry>();
        server one(ex, options), two(ex, options);
        one.listen("oocrpc://alpha:1");
        two.listen("oocrpc://alpha:2");
        spawned at_one(ex, one.run(make_demo())), at_two(ex, two.run(make_demo()));
        auto first = co_await visit("oocrpc://alpha:1"),
             second = co_await visit("oocrpc://alpha:1");
        CHECK(co_await first->is_served());
        CHECK(co_await second->is_served());
        auto third = co_await visit("oocrpc://alpha:2");
        bool served = false;
        auto ask = [&]() -> awaitable<void> { served = co_await third->is_served(); };
        spawned asking(ex, ask());
        co_await sleep_for(1s);
        CHECK(!served);
        CHECK(two.connections() == 0);
        first.reset();
        co_await sleep_for(200ms);
        CHECK(served);
        CHECK(options.registry->connections.all() == 2);
        second.reset();
        third.reset();
        co_await end(one, at_one);
        co_await end(two, at_two);
        CHECK(options.registry->connections.all() == 0);
    });
}

TEST_CASE("a server that is destroyed gives its connections back") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server_options options;
        options.registry = std::make_shared<call_registry>();
        auto s = std::make_unique<server>(ex, options);
        s->listen(alpha);
        spawned serving(ex, s->run(make_demo()));
        auto first = co_await visit(alpha);
        CHECK(co_await first->is_served());
        CHECK(options.registry->connections.all() == 1);
        s.reset();
        co_await settle();
        CHECK(serving.done);
        CHECK(options.registry->connections.all() == 0);
    });
}

TEST_CASE("accepting pauses where the process has no descriptors, and goes on, whatever failed") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        auto net = std::make_shared<failing_network>();
        net->inner = network::of(io);
        network::use(io, net);
        using std::errc;
        for (const auto e :
             {errc::too_many_files_open, errc::too_many_files_open_in_system, errc::no_buffer_space,
              errc::not_enough_memory, errc::connection_aborted, errc::protocol_error,
              errc::operation_not_permitted, errc::host_unreachable, errc::interrupted})
            net->failures.push_back(make_error_code(e));
        const auto failures = net->failures.size();
        std::vector<std::error_code> told;
        server_options options;
        options.on_accept_error = [&](const url&, const std::error_code& e) { told.push_back(e); };
        server s(io.get_executor(), options);
        s.listen(alpha);
        spawned serving(io.get_executor(), s.run(make_demo()));
        const auto begun = time.now();
        {
            client c(io.get_executor(), alpha);
            CHECK(co_await c.call(add, 1, 2) == 3);
        }
        CHECK(time.now() - begun == 100ms * failures);
        CHECK(net->asked <= static_cast<int>(failures) + 2); // none in vain
        CHECK(told.size() == failures);
        co_await end(s, serving);
        network::use(io, net->inner);
    });
}

TEST_CASE("a client does not notice that its server let an idle connection go") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server_options options;
        options.limit.idle_timeout = 10s;
        server s(ex, options);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo()));
        client db(ex, alpha);
        for (const auto pause :
             {9'999ms, 10'000ms, 10'001ms, 10'100ms, 10'250ms, 10'251ms, 20'000ms}) {
            CAPTURE(pause.count());
            CHECK(co_await db.call(add, 1, 2) == 3);
            co_await sleep_for(pause);
        }
        CHECK(co_await db.call(add, 1, 2) == 3);
        co_await sleep_for(11s);
        CHECK(s.connections() == 0);
        db.close();
        co_await end(s, serving);
    });
}

TEST_CASE("a server reads documents of 100,000 elements, unless told otherwise, and no more") {
    for (const int more : {-1, 0, 1}) {
        CAPTURE(more);
        run([more]() -> awaitable<void> {
            const auto ex = co_await this_coro::executor;
            server s(ex);
            s.listen(alpha);
            spawned serving(ex, s.run(make_demo()));
            const auto elements = static_cast<std::size_t>(100'000 + more);
            {
                // call, funcname, arguments, id, and the array
                auto stream = co_await connect_stream(url::parse(alpha));
                scripted_peer native(std::move(stream));
                json body = json::parse(
                    R"({"call": {"funcname": "oocrpc.ping", "arguments": []}, "id": 1})");
                body["call"]["arguments"].push_back(std::vector<int>(elements - 5));
                script one{send_bytes{frame_of(body)}};
                co_await native.play(std::move(one));
                const auto got = co_await native.next_frame();
                CHECK(got["error"]["message"] ==
                      (more > 0 ? "protocol_error" : "invalid_argument"));
                CHECK((got["error"]["detail"].get<std::string>().find(
                           "document has too many elements") != std::string::npos) == (more > 0));
            }
            {
                // ping, the array, $db
                auto stream = co_await connect_stream(url::parse(alpha));
                driver mongodb(std::move(stream));
                json body = json::parse(R"({"ping": 1, "comment": [], "$db": "admin"})");
                body["comment"] = std::vector<int>(elements - 3);
                const json got = co_await mongodb.run(body.dump());
                CHECK(got["ok"] == (more > 0 ? 0.0 : 1.0));
                if (more > 0)
                    CHECK(got["errmsg"].get<std::string>().find("too many elements") !=
                          std::string::npos);
            }
            co_await end(s, serving);
        });
    }
}

TEST_CASE("hello tells the limits that a client meets by their names") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        server s(ex);
        s.listen(alpha);
        spawned serving(ex, s.run(make_demo()));
        {
            client db(ex, alpha);
            const auto hello = co_await db.call(built_in::hello);
            const std::map<std::string, std::int64_t> expected{
                {"max_message", 16 << 20}, {"max_message_before_login", 64 << 10},
                {"max_depth", 100},        {"max_elements", 100'000},
                {"max_in_flight", 1024},   {"max_queued", 4 << 20},
                {"max_streams", 128},      {"max_cancels", 100},
                {"frame_rate", 1024},      {"first_frame_timeout", 10'000},
                {"frame_timeout", 30'000}, {"write_timeout", 30'000},
                {"idle_timeout", 600'000},
            };
            CHECK(hello.limits == expected);
        }
        co_await end(s, serving);
    });
}

} // TEST_SUITE("server")
