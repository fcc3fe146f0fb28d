// Two connections of ours, calls in both directions, and what goes wrong below them.

#include <cstring>

#include "support/passing_stream.hpp"
#include "support/wire.hpp"

#include <oocrpc/service.hpp>
#include <oocrpc/when.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using namespace oocrpc::test;

namespace {

constexpr method<int(int)> relay{"relay", {"ms"}};
constexpr method<int(int)> slow{"slow", {"ms"}};
constexpr method<stream<int>(int)> count{"count", {"n"}};

struct seen {
    int begun = 0, cancelled = 0;
};
awaitable<int> sleep_and_tell(seen& l, int ms) {
    ++l.begun;
    try {
        co_await sleep_for(std::chrono::milliseconds(ms));
    } catch (const rpc_error&) {
        ++l.cancelled;
        throw;
    }
    co_return ms;
}

/// A stream that fails the n-th of its operations, counted from 1.
class failing_stream final : public passing_stream {
  public:
    failing_stream(std::unique_ptr<byte_stream> inner, int n)
        : passing_stream(std::move(inner)),
          left_(n) {}
    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        if (--left_ != 0) return passing_stream::read_some(into, std::move(user));
        fail_read(std::move(user));
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        if (--left_ != 0) return passing_stream::write(from, std::move(user));
        fail_write(std::move(user));
    }

  private:
    int left_;
};

/// A stream whose reads end when the test says so.
class fed_stream final : public byte_stream {
  public:
    explicit fed_stream(any_io_executor executor) : executor_(std::move(executor)) {}
    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        into_ = into;
        reader_ = std::move(user);
    }
    void write(bytes, std::shared_ptr<stream_user>) override {}
    void shutdown_send() noexcept override {}
    void close() noexcept override {
        reader_ = nullptr;
        closed = true;
    }
    std::string peer_address() const override { return "memory"; }
    any_io_executor get_executor() override { return executor_; }

    /// What the read under way offers; 0 where there is none.
    std::size_t room() const { return reader_ ? into_.size() : 0; }
    void feed(std::string_view what) {
        std::memcpy(into_.data(), what.data(), what.size());
        std::exchange(reader_, nullptr)->on_read({}, what.size());
    }
    bool closed = false;

  private:
    any_io_executor executor_;
    asio::mutable_buffer into_;
    std::shared_ptr<stream_user> reader_;
};

/// A connection that reads from one.
struct fed_connection {
    ~fed_connection() { c->close(rpc_error(errc::cancelled)); }

    asio::io_context loop;
    std::unique_ptr<fed_stream> stream = std::make_unique<fed_stream>(loop.get_executor());
    fed_stream& peer = *stream;
    std::shared_ptr<connection> c = attach(std::move(stream));
    const std::size_t room = peer.room(); // of the first read
};

} // namespace

TEST_SUITE("connection") {

TEST_CASE_FIXTURE(
    fed_connection,
    "who has sent messages, and more than a read took, has the next in a turn of the loop") {
    auto pings = frame(R"({"info": {"pong": 1}})");
    REQUIRE(room > pings.size());
    peer.feed(pings); // all that there was
    CHECK(peer.room() == room);
    while (pings.size() < room) pings += pings;
    peer.feed(pings.substr(0, room));
    CHECK(peer.room() == 0);
    loop.poll();
    CHECK(peer.room() == 2 * room);
}

TEST_CASE_FIXTURE(
    fed_connection,
    "a message that is larger than a read is read on at once, and the reads grow with it") {
    std::string message("\0\0\xea\x60\x60\xea\0\0", 8); // the first of 60,000 bytes
    message.resize(3 * room);
    peer.feed(message.substr(0, room));
    CHECK(peer.room() == 2 * room);
    peer.feed(message.substr(room));
    CHECK(peer.room() == 4 * room);
}

TEST_CASE_FIXTURE(
    fed_connection,
    "a connection that ends is closed at once, and gives its stream back in a turn of the loop") {
    c->close(rpc_error(errc::cancelled));
    loop.poll_one();
    CHECK(c->closed());
    CHECK_FALSE(peer.closed);
    loop.poll();
    CHECK(peer.closed);
}

TEST_CASE("both ends call each other on one connection") {
    run([]() -> awaitable<void> {
        seen l;
        service s{""};
        s.on(slow, [&](int ms) {
             return sleep_and_tell(l, ms);
         }).on(relay, [](context& c, int ms) -> awaitable<int> {
            peer caller(c);
            co_return co_await caller.call(slow, ms) + 1;
        });
        handler h = s;
        linked w(co_await this_coro::executor, h, h);
        peer a(w.a), b(w.b);
        CHECK(co_await a.call(relay, 10) == 11);
        CHECK(co_await b.call(relay, 10) == 11);
        co_await w.close();
        CHECK(w.a_end.times == 1);
        CHECK(w.b_end.times == 1);
    });
}

TEST_CASE("a cancel crosses every hop, and nothing is left running") {
    run([]() -> awaitable<void> {
        seen l;
        const auto ex = co_await this_coro::executor;
        service last{""};
        last.on(slow, [&](int ms) { return sleep_and_tell(l, ms); });
        handler h = last;
        linked third(ex, nullptr, h);
        auto forward = [](std::shared_ptr<connection> to) {
            return [to](context&, message call) -> maybe_awaitable<message> {
                call.own();
                peer p(to);
                return p.exchange(std::move(call));
            };
        };
        handler f3 = forward(third.a);
        linked second(ex, nullptr, f3);
        handler f2 = forward(second.a);
        linked first(ex, nullptr, f2);
        peer p(first.a);
        bool cancelled = false;
        auto body = [&]() -> awaitable<void> {
            try {
                co_await p.call(slow, 60'000);
            } catch (const rpc_error& e) {
                cancelled = e.code() == errc::cancelled;
            }
        };
        // The peer must have shown itself first: then the cancel goes out at once.
        CHECK(co_await p.call(slow, 1) == 1);
        spawned caller(ex, body());
        co_await settle();
        CHECK(l.begun == 2);
        caller.cancel();
        co_await settle();
        co_await settle();
        CHECK(cancelled);
        CHECK(l.cancelled == 1);
        CHECK(first.b->running() + second.b->running() + third.b->running() == 0);
        co_await first.close();
        co_await second.close();
        co_await third.close();
    });
}

TEST_CASE("calls made inside a handler inherit its deadline, also in children and after a wait") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<std::int64_t> left;
        std::vector<std::string> texts;
        handler inner = [&](context&, message call) -> maybe_awaitable<message> {
            left.push_back(call.timeout_ms);
            return message::reply(0, {bson::type::null, {}});
        };
        linked up(ex, nullptr, inner);
        peer upstream(up.a);
        constexpr method<void()> f{"f"};
        service s{""};
        s.on(f, [&]() -> awaitable<void> {
            co_await upstream.call(f);
            co_await sleep_for(100ms);
            co_await upstream.call(f);
            std::vector<awaitable<void>> children;
            for (int i = 0; i < 2; ++i) children.push_back(upstream.call(f));
            co_await gather(std::move(children));
            co_await upstream.call(f.with(50ms));
            co_await upstream.call(f.with(deadline::none()));
        });
        handler h = s;
        linked w(ex, nullptr, h);
        peer p(w.a);
        co_await p.call(f.with(1000ms));
        CHECK(left == std::vector<std::int64_t>{1000, 900, 900, 900, 50, 900});
        left.clear();
        co_await p.call(f.with(deadline::none()));
        // Nothing to inherit: the client's own default, but for those that say otherwise.
        CHECK(left == std::vector<std::int64_t>{10'000, 10'000, 10'000, 10'000, 50, -1});
        co_await w.close();
        co_await up.close();
    });
}

TEST_CASE("an inherited deadline that passes says that it was inherited") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        seen l;
        service s{""};
        std::string text;
        s.on(slow, [&](int ms) { return sleep_and_tell(l, ms); });
        handler h = s;
        linked up(ex, nullptr, h);
        service front{""};
        front.on(relay, [&](int ms) -> awaitable<int> {
            peer p(up.a);
            // It goes on after the call was cancelled, to see what its own call ended with.
            co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
            try {
                co_return co_await p.call(slow, ms);
            } catch (const rpc_error& e) {
                text = e.what();
            }
            co_return 0;
        });
        handler f = front;
        linked w(ex, nullptr, f);
        byte_buffer arguments;
        bson::array_writer array(arguments);
        array.add(60'000);
        array.finish();
        const bson::value_view minute{bson::type::array, arguments};
        call_options options{30ms, {}};
        call_probe probe(w.a, message::call("relay", minute), std::move(options));
        co_await sleep_for(50ms);
        CHECK(probe.outcome() == "deadline_exceeded: call deadline of 30 ms passed");
        CHECK(text == "deadline_exceeded: inherited deadline of 30 ms passed");
        co_await w.close();
        co_await up.close();
    });
}

TEST_CASE("work that a handler leaves behind does not inherit from a later call") {
    bool used_before = false; // whether the coroutine that runs the handler has run another one
    SUBCASE("") {}
    SUBCASE("") {
        used_before = true;
    }
    run([&]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        std::vector<std::int64_t> left;
        handler inner = [&](context&, message call) -> maybe_awaitable<message> {
            left.push_back(call.timeout_ms);
            return message::reply(0, {bson::type::null, {}});
        };
        linked up(ex, nullptr, inner);
        peer upstream(up.a);
        constexpr method<void()> leave{"leave"}, stay{"stay"}, f{"f"};
        spawned detached;
        auto later = [&]() -> awaitable<void> {
            co_await sleep_for(50ms);
            co_await upstream.call(f);
        };
        service s{""};
        s.on(leave, [&]() -> awaitable<void> {
             detached.start(co_await this_coro::executor, later());
         }).on(stay, []() -> awaitable<void> { co_await sleep_for(100ms); });
        handler h = s;
        linked w(ex, nullptr, h);
        peer p(w.a);
        if (used_before) co_await p.call(stay.with(200ms));
        co_await p.call(leave.with(5000ms));
        co_await p.call(stay.with(200ms)); // runs while the detached work makes its call
        CHECK(detached.done);
        REQUIRE(left.size() == 1);
        CHECK(left[0] > 200);
        co_await w.close();
        co_await up.close();
    });
}

TEST_CASE("16 MiB travel in both directions, one byte more in neither") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        constexpr method<std::size_t(std::string)> length{"length", {"text"}};
        constexpr method<std::string(std::size_t)> text{"text", {"n"}};
        service s{""};
        s.on(length, [](const std::string& t) { return t.size(); }).on(text, [](std::size_t n) {
            return std::string(n, 'x');
        });
        handler h = s;
        linked w(ex, nullptr, h);
        peer p(w.a);
        constexpr std::size_t limit = 16u << 20;
        // What lies around the text in the reply, and in the call.
        constexpr std::size_t around_reply = 5 + 7 + 5 + 12,
                              around_call = 5 + 6 + (5 + 10 + 11 + 11 + (5 + 3 + 5)) + 12 + 20;
        const std::string most(limit - around_call, 'x'), more(limit, 'x');
        CHECK(co_await p.call(length, most) == most.size());
        const auto reply = co_await p.call(text, limit - around_reply);
        CHECK(reply.size() == limit - around_reply);
        std::string up, down;
        try {
            co_await p.call(length, more);
        } catch (const rpc_error& e) {
            up = e.message();
        }
        try {
            co_await p.call(text, limit - around_reply + 1);
        } catch (const rpc_error& e) {
            down = e.message();
        }
        CHECK(up == "message_too_large");
        CHECK(down == "message_too_large");
        CHECK(co_await p.call(text, std::size_t{3}) == "xxx");
        co_await w.close();
    });
}

TEST_CASE("whatever read or write fails, each call completes once") {
    for (int n = 1; n <= 14; ++n)
        for (bool at_caller : {true, false}) {
            CAPTURE(n);
            run([&]() -> awaitable<void> {
                const auto ex = co_await this_coro::executor;
                seen l;
                service s{""};
                s.on(slow, [&](int ms) {
                     return sleep_and_tell(l, ms);
                 }).on(relay, [](context& c, int ms) -> awaitable<int> {
                    peer caller(c);
                    co_return co_await caller.call(slow, ms);
                });
                handler h = s;
                auto [x, y] = make_stream_pair(ex, ex);
                auto& chosen = at_caller ? x : y;
                chosen = std::make_unique<failing_stream>(std::move(chosen), n);
                ending a_end, b_end;
                auto a = attach(std::move(x), h, {}, &a_end);
                auto b = attach(std::move(y), h, {}, &b_end);
                std::deque<call_probe> calls;
                json one = json::array({1}), two = json::array({20});
                byte_buffer small, large;
                const bson::value_view short_time{bson::put(small, one), small};
                const bson::value_view long_time{bson::put(large, two), large};
                for (int i = 0; i < 6; ++i) {
                    calls.emplace_back(
                        a, message::call(i % 2 ? "relay" : "slow", i % 3 ? short_time : long_time));
                    co_await settle();
                }
                calls[5].cancel();
                co_await sleep_for(30s);
                for (auto& c : calls) CHECK(c.times() == 1);
                rpc_error why(errc::unavailable, "over");
                a->close(why);
                b->close(why);
                co_await settle();
                CHECK(a_end.times == 1);
                CHECK(b_end.times == 1);
                CHECK(a->waiting() + b->waiting() + a->running() + b->running() == 0);
            });
        }
}

TEST_CASE(
    "a loop that is destroyed after any number of its steps leaks nothing and tells no one twice") {
    int most = 0;
    for (int steps = 0; steps < 150; ++steps) {
        seen l;
        std::deque<call_probe> calls;
        {
            asio::io_context io;
            clock::of(io).use_virtual();
            const any_io_executor ex = io.get_executor();
            service s{""};
            s.on(slow, [&](int ms) { return sleep_and_tell(l, ms); })
                .on(relay,
                    [](context& c, int ms) -> awaitable<int> {
                        peer caller(c);
                        co_return co_await caller.call(slow, ms);
                    })
                .on(count, [](int n, sink<int>& out) -> awaitable<void> {
                    for (int i = 0; i < n; ++i) co_await out.send(i);
                });
            handler h = s;
            linked w(ex, h, h);
            byte_buffer arguments;
            bson::array_writer array(arguments);
            array.add(5);
            array.finish();
            const bson::value_view five{bson::type::array, arguments};
            for (int i = 0; i < 4; ++i)
                calls.emplace_back(i % 2 ? w.a : w.b,
                                   message::call(i < 2 ? "relay" : "slow", five));
            auto reading = [&]() -> awaitable<void> {
                peer p(w.a);
                auto items = co_await p.open(count, 100);
                while (co_await items.next()) {
                }
            };
            asio::co_spawn(io, reading(), [](std::exception_ptr) {});
            if (steps % 5 == 4) calls[1].cancel();
            int done = 0;
            auto step = [&] { return io.poll_one() > 0 || clock::of(io).advance_to_next(); };
            while (done < steps && step()) ++done;
            most = std::max(most, done);
            if (steps % 3 == 1) { // connections first, then the loop
                rpc_error why(errc::unavailable, "gone");
                w.a->close(why);
                if (steps % 2) w.b->close(why);
            }
            if (steps % 7 == 3) io.poll();
        }
        for (auto& c : calls) CHECK(c.times() <= 1);
    }
    CHECK(most > 20);
}

TEST_CASE("one bad connection is invisible to the others that share a handler") {
    run([]() -> awaitable<void> {
        const auto ex = co_await this_coro::executor;
        seen l;
        service s{""};
        s.on(slow, [&](int ms) { return sleep_and_tell(l, ms); });
        handler h = s;
        scripted bad(ex, h);
        linked good(ex, nullptr, h);
        call_probe pending(good.a, message::call("oocrpc.ping"));
        script steps{send_bytes{std::string(1000, '\xff')}, expect{R"({"error": "$_"})"},
                     expect_close{}};
        co_await bad.theirs.play(std::move(steps));
        co_await settle();
        CHECK(bad.end.times == 1);
        CHECK(pending.outcome() == "null");
        peer p(good.a);
        CHECK(co_await p.call(slow, 3) == 3);
        co_await good.close();
    });
}

} // TEST_SUITE("connection")
