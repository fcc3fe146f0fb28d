#include "proxy_support.hpp"
#include "support/bson_samples.hpp"

#include "demo/conformance.hpp"
#include "proxy/proxy_service.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;
using proxy::cache_rules;
using proxy::reply_cache;
using proxy::upstreams;

namespace {

cache_rules no_rules() {
    return cache_rules();
}

// An initializer list in a coroutine is more than g++ 12 can take.
template <class... Urls> std::vector<std::string> list_of(const Urls&... urls) {
    return {urls...};
}
const std::vector<std::string> names_of_both =
    list_of("demo.add", "demo.stats", "proxy.purge", "proxy.stats");

/// A proxy process, without the process.
struct proxy_site {
    proxy_site(asio::io_context& io, const std::vector<std::string>& urls,
               cache_rules rules = no_rules())
        : to(upstreams::make(io.get_executor(), urls)),
          cache(reply_cache::make(io.get_executor(), std::move(rules),
                                  [up = to](message call) { return up->fetch(std::move(call)); })),
          at(io, proxy::make_proxy(to, cache, [this] { return connections(); })) {}
    proxy_site(asio::io_context& io, const std::string& url, cache_rules rules = no_rules())
        : proxy_site(io, list_of(url), std::move(rules)) {}
    awaitable<void> stop() {
        co_await at.stop();
        to->close();
    }
    std::size_t connections() const { return at.connections(); }

    std::shared_ptr<upstreams> to;
    std::shared_ptr<reply_cache> cache;
    site at;
};

/// Caller, two proxies, the conformance service.
struct chain {
    explicit chain(asio::io_context& io, cache_rules rules = no_rules())
        : end(io, demo.handler()),
          second(io, end.url),
          first(io, {second.at.url}, std::move(rules)),
          caller(io.get_executor(), first.at.url) {}
    awaitable<void> stop() {
        caller.close();
        co_await first.stop();
        co_await second.stop();
        co_await end.stop();
        co_await settle();
    }

    demo::conformance demo;
    site end;
    proxy_site second, first;
    client caller;
};

/// A call beside the test.
struct call_under_way {
    void start(asio::io_context& io, client& to, message call, call_options options = {}) {
        work.start(io.get_executor(), run(this, &to, std::move(call), std::move(options)));
    }
    static awaitable<void> run(call_under_way* self, client* to, message call,
                               call_options options) {
        auto m = co_await to->exchange(std::move(call), std::move(options));
        ++self->told;
        self->answer = std::move(m);
    }

    spawned work;
    int told = 0;
    message answer;
};

cache_rules caching(std::string_view method) {
    cache_rules rules;
    rules.methods.emplace(method, 60s);
    return rules;
}

} // namespace

TEST_SUITE("forward") {

TEST_CASE("arguments and results of all BSON types go through two proxies byte for byte") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        bson::value arguments;
        handler echo = [&](context&, message call) -> maybe_awaitable<message> {
            arguments = bson::value(call.body);
            return message::reply(0, call.body);
        };
        site end(io, echo);
        proxy_site second(io, end.url), first(io, second.at.url);
        client caller(io.get_executor(), first.at.url);
        const auto all = bson_samples::all_types();
        const auto view = bson_samples::view(all);
        auto answer = co_await caller.exchange(message::call("x.echo", view));
        CHECK(answer.body == view);
        CHECK(bson::value_view(arguments) == view);
        for (const auto& e : bson::elements(all)) {
            CAPTURE(e.name);
            auto one = message::call("x.echo", e.value);
            auto same = co_await caller.exchange(std::move(one));
            // A lone null is how the protocol writes that there is no result, which it reads back.
            CHECK(same.body == e.value);
            CHECK(bson::value_view(arguments) == e.value);
        }
        co_await caller.exchange(message::call("x.echo"));
        CHECK_FALSE(present(arguments));
        caller.close();
        co_await first.stop();
        co_await second.stop();
        co_await end.stop();
    });
}

TEST_CASE("metadata goes through both ways, with results and with errors") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        metadata seen;
        handler serve = [&](context& c, message call) -> maybe_awaitable<message> {
            seen = c.meta();
            c.reply_meta().set("answer", "yes");
            if (call.method == "x.fail") return message::error(0, rpc_error("odd", "why", -77));
            return message::reply(0, call.body);
        };
        site end(io, serve);
        proxy_site second(io, end.url), first(io, second.at.url);
        client caller(io.get_executor(), first.at.url);
        const metadata meta{{"traceparent", "00-1"}, {"b", ""}, {"a", "\xc3\xa9"}};
        call_options options;
        options.meta = meta;
        auto answer = co_await caller.exchange(message::call("x.y"), options);
        CHECK(seen == meta);
        CHECK(*answer.meta.find("answer") == "yes");
        auto error = co_await caller.exchange(message::call("x.fail"), options);
        CHECK(*error.meta.find("answer") == "yes");
        REQUIRE(error.fault);
        CHECK(error.fault->message == "odd");
        CHECK(error.fault->detail == "why");
        CHECK(error.fault->code == -77);
        caller.close();
        co_await first.stop();
        co_await second.stop();
        co_await end.stop();
    });
}

TEST_CASE("a one-way call goes through, and nothing comes back") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        int oneways = 0, others = 0;
        handler serve = [&](context& c, message) -> maybe_awaitable<message> {
            ++(c.oneway() ? oneways : others);
            return message::reply(0, {bson::type::null, {}});
        };
        site end(io, serve);
        proxy_site first(io, end.url);
        client caller(io.get_executor(), first.at.url);
        auto call = message::call("x.y");
        call.oneway = true;
        co_await caller.exchange(std::move(call));
        co_await sleep_for(1s);
        CHECK(oneways == 1);
        CHECK(others == 0);
        CHECK(first.to->counted().calls == 1);
        CHECK(first.to->counted().in_flight == 0);
        CHECK(first.to->counted().cancelled == 0);
        caller.close();
        co_await first.stop();
        co_await end.stop();
    });
}

TEST_CASE("errors of the upstream server are its own") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io);
        const json name = json::array({"my_error", "my detail"});
        auto failed = co_await c.caller.exchange(make_call("demo.fail", name));
        CHECK(failed.fault->message == "my_error");
        CHECK(failed.fault->detail == "my detail");
        CHECK(failed.fault->code == 8000);
        auto unknown = co_await c.caller.exchange(make_call("nobody.home"));
        CHECK(unknown.fault->message == "no_such_method");
        CHECK(unknown.fault->detail == "'nobody.home': no such method");
        co_await c.stop();
    });
}

TEST_CASE("a stream goes through two proxies item by item, as fast as it is taken") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        int sent = 0;
        constexpr method<stream<int>(int)> numbers{"x.numbers", {"n"}};
        service x("x");
        x.on(numbers, [&](int n, sink<int>& out) -> awaitable<void> {
            for (int i = 0; i < n; ++i) {
                co_await out.send(i);
                ++sent;
            }
        });
        site end(io, x);
        proxy_site second(io, end.url), first(io, second.at.url);
        client caller(io.get_executor(), first.at.url);
        auto items = co_await caller.open(numbers, 10'000);
        co_await sleep_for(1s);
        // Each hop holds at most one window.
        CHECK(sent <= 3 * caller::default_window);
        int next = 0;
        while (auto i = co_await items.next()) {
            if (*i != next) break;
            ++next;
            if (next == 5000) {
                co_await sleep_for(1s);
                CHECK(sent <= 5000 + 3 * caller::default_window);
            }
        }
        CHECK(next == 10'000);
        CHECK(sent == 10'000);
        CHECK(second.to->counted().in_flight == 0);
        CHECK(second.to->counted().cancelled == 0);
        auto small = co_await caller.open(make_call("x.numbers", 100), call_options(), 1);
        message m;
        int count = 0;
        for (m = co_await small->next(); m.kind == message_kind::item; m = co_await small->next())
            ++count;
        CHECK(count == 100);
        CHECK_FALSE(m.fault);
        caller.close();
        co_await first.stop();
        co_await second.stop();
        co_await end.stop();
    });
}

TEST_CASE("a stream that ends with an error, an empty one, and one that nobody asked for") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        constexpr method<stream<int>(int)> broken{"x.broken", {"n"}};
        service x("x");
        x.on(broken, [](int n, sink<int>& out) -> awaitable<void> {
            for (int i = 0; i < n; ++i) co_await out.send(i);
            if (n != 0) throw rpc_error("broken", "after " + std::to_string(n), 12);
        });
        site end(io, x);
        proxy_site first(io, end.url);
        client caller(io.get_executor(), first.at.url);
        auto items = co_await caller.open(broken, 2);
        CHECK(*co_await items.next() == 0);
        CHECK(*co_await items.next() == 1);
        try {
            co_await items.next();
            FAIL("the error is missing");
        } catch (const rpc_error& e) {
            CHECK(e.message() == "broken");
            CHECK(e.detail() == "after 2");
            CHECK(e.code().value() == 12);
        }
        auto empty = co_await caller.open(broken, 0);
        CHECK_FALSE(co_await empty.next());
        auto all = co_await caller.exchange(make_call("x.broken", 0));
        CHECK(all.body.t == bson::type::array);
        // A method that does not stream answers the caller that would take one.
        auto plain = co_await caller.open(make_call("proxy.stats"));
        CHECK((co_await plain->next()).body.t == bson::type::document);
        caller.close();
        co_await first.stop();
        co_await end.stop();
    });
}

TEST_CASE("a stream that the caller drops stops the server over three hops") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io);
        {
            auto items = co_await c.caller.open(demo::count_slow, 1000, 100);
            CHECK(*co_await items.next() == 0);
            CHECK(c.demo.now().in_flight == 1);
        }
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 0);
        CHECK(c.demo.now().cancelled == 1);
        CHECK(c.first.to->counted().cancelled == 1);
        CHECK(c.second.to->counted().in_flight == 0);
        co_await c.stop();
    });
}

TEST_CASE("a cancel reaches the server over three hops, also on connections just opened") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io);
        call_under_way call;
        // The caller has to be known, too: nothing but calls is sent before the first answer.
        co_await c.caller.call(built_in::ping);
        call.start(io, c.caller, make_call("demo.sleep_ms", 5000));
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 1);
        CHECK(c.first.to->counted().in_flight == 1);
        call.work.cancel();
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 0);
        CHECK(c.demo.now().cancelled == 1);
        CHECK(c.first.to->counted().in_flight == 0);
        CHECK(c.first.to->counted().cancelled == 1);
        CHECK(c.second.to->counted().cancelled == 1);
        CHECK(c.first.to->connected() == 1);
        co_await c.stop();
    });
}

TEST_CASE("a caller that hangs up stops its calls over three hops") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io);
        call_under_way call;
        call.start(io, c.caller, make_call("demo.sleep_ms", 5000));
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 1);
        c.caller.close();
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 0);
        CHECK(c.demo.now().cancelled == 1);
        co_await c.stop();
    });
}

TEST_CASE("a deadline is passed on over three hops, and none as none") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        std::vector<std::int64_t> left;
        handler serve = [&](context& c, message call) -> maybe_awaitable<message> {
            if (call.method == "x.y") left.push_back(c.deadline().left_ms(time.now()));
            return message::reply(0, {bson::type::null, {}});
        };
        site end(io, serve);
        proxy_site second(io, end.url), first(io, second.at.url);
        client caller(io.get_executor(), first.at.url);
        call_options none, two;
        none.when = deadline::none();
        two.when = deadline(2s);
        co_await caller.exchange(message::call("x.y"), none);
        co_await caller.exchange(message::call("x.y"), two);
        co_await caller.exchange(message::call("x.y"));
        REQUIRE(left.size() == 3);
        CHECK(left[0] == -1);
        CHECK(left[1] == 2000);
        CHECK(left[2] == 10'000);
        auto stream = co_await caller.open(message::call("x.y"), two);
        co_await stream->next();
        stream = co_await caller.open(message::call("x.y"), none);
        co_await stream->next();
        CHECK(left[3] == 2000);
        CHECK(left[4] == -1);
        caller.close();
        co_await first.stop();
        co_await second.stop();
        co_await end.stop();
    });
}

TEST_CASE("a call that runs out of time stops over three hops") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io);
        call_options options;
        options.when = deadline(200ms);
        auto late = co_await c.caller.exchange(make_call("demo.sleep_ms", 5000), options);
        CHECK(late.fault->message == "deadline_exceeded");
        CHECK(late.fault->detail == "call deadline of 200 ms passed");
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 0);
        CHECK(c.demo.now().cancelled == 1);
        co_await c.stop();
    });
}

TEST_CASE("an upstream server that is down is unavailable, and used again when it is back") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        demo::conformance demo;
        auto end = std::make_unique<site>(io, demo.handler());
        const auto url = end->url;
        co_await end->stop();
        proxy_site first(io, url);
        client caller(io.get_executor(), first.at.url);
        auto add = make_call("demo.add", json::array({1, 2}));
        auto down = co_await caller.exchange(std::move(add));
        CHECK(down.fault->message == "unavailable");
        CHECK(down.fault->detail.find(url) != std::string::npos);
        CHECK(first.to->counted().calls == 0);
        // Streams fail the same way.
        auto items = co_await caller.open(demo::count, 3);
        CHECK_THROWS_AS(co_await items.next(), rpc_error);
        co_await sleep_for(10s);
        caller.close();
        co_await first.stop();
    });
}

TEST_CASE("upstreams that were closed are unavailable, and take calls again once they are opened") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site end(io, demo::conformance().handler());
        const auto to = upstreams::make(io.get_executor(), list_of(end.url));
        const json two = json::array({1, 1});
        auto call = make_call("demo.add", two);
        auto answer = co_await to->fetch(std::move(call));
        CHECK_FALSE(answer.fault);

        to->close();
        call = make_call("demo.add", two);
        answer = co_await to->fetch(std::move(call));
        REQUIRE(answer.fault);
        CHECK(answer.to_error_code() == errc::unavailable);

        to->open();
        to->open(); // they are
        call = make_call("demo.add", two);
        answer = co_await to->fetch(std::move(call));
        CHECK_FALSE(answer.fault);
        to->close();
        co_await end.stop();
        co_await settle();
    });
}

TEST_CASE("an upstream server that dies in mid call: every waiter is told once") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        std::vector<std::shared_ptr<connection>> theirs;
        handler serve = [&](context& c, message call) -> maybe_awaitable<message> {
            theirs.push_back(c.shared_connection());
            if (call.method == "oocrpc.ping") return message::reply(0, {bson::type::null, {}});
            auto work = []() -> awaitable<message> {
                co_await sleep_for(1h);
                co_return message::reply(0, {bson::type::null, {}});
            };
            return work();
        };
        site end(io, serve);
        proxy_site first(io, end.url, caching("x.slow"));
        client caller(io.get_executor(), first.at.url);
        std::vector<call_under_way> waiters(100);
        for (auto& w : waiters) w.start(io, caller, make_call("x.slow"));
        call_under_way other;
        other.start(io, caller, make_call("x.other"));
        co_await sleep_for(1s);
        CHECK(first.to->counted().in_flight == 2);
        theirs.back()->close(rpc_error(errc::unavailable, "killed"));
        co_await sleep_for(1ms);
        for (auto& w : waiters) {
            CHECK(w.told == 1);
            CHECK(w.answer.fault->message == "unavailable");
        }
        CHECK(other.told == 1);
        CHECK(other.answer.fault->message == "unavailable");
        CHECK(first.to->counted().in_flight == 0);
        CHECK(first.cache->stats().entries == 0);
        theirs.clear();
        caller.close();
        co_await first.stop();
        co_await end.stop();
    });
}

TEST_CASE("calls go round robin to the servers that are connected, and past one that is down") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        int a = 0, b = 0;
        const auto counting = [](int& n) -> handler {
            return [&n](context&, message call) -> maybe_awaitable<message> {
                n += call.method == "x.y";
                return message::reply(0, {bson::type::null, {}});
            };
        };
        site at_a(io, counting(a)), at_b(io, counting(b)), gone(io, counting(b));
        co_await gone.stop();
        const auto urls = list_of(gone.url, at_a.url, at_b.url);
        proxy_site first(io, urls);
        client caller(io.get_executor(), first.at.url);
        auto call = [&]() -> awaitable<void> {
            auto answer = co_await caller.exchange(message::call("x.y"));
            CHECK_FALSE(answer.fault);
        };
        co_await call(); // connects
        co_await sleep_for(10ms);
        a = b = 0;
        for (int i = 0; i < 10; ++i) co_await call();
        CHECK(a == 5);
        CHECK(b == 5);
        co_await at_a.stop();
        for (int i = 0; i < 10; ++i) co_await call();
        CHECK(a == 5);
        CHECK(b == 15);
        co_await at_b.stop();
        auto down = co_await caller.exchange(message::call("x.y"));
        CHECK(down.fault->message == "unavailable");
        CHECK(down.fault->detail.find(at_a.url) != std::string::npos);
        CHECK(down.fault->detail.find(at_b.url) != std::string::npos);
        caller.close();
        co_await first.stop();
    });
}

TEST_CASE("a call that may have begun is not made again") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        int begun = 0;
        handler dies = [&](context& c, message call) -> maybe_awaitable<message> {
            if (call.method != "x.y") return message::reply(0, {bson::type::null, {}});
            ++begun;
            c.shared_connection()->close(rpc_error(errc::unavailable, "killed"));
            return message::error(0, errc::internal, "never sent");
        };
        site a(io, dies), b(io, dies);
        const auto urls = list_of(a.url, b.url);
        proxy_site first(io, urls);
        client caller(io.get_executor(), first.at.url);
        auto answer = co_await caller.exchange(message::call("x.y"));
        CHECK(answer.fault->message == "unavailable");
        co_await sleep_for(10s);
        CHECK(begun == 1);
        caller.close();
        co_await first.stop();
        co_await a.stop();
        co_await b.stop();
    });
}

TEST_CASE("the proxy answers ping and hello itself, and lists the methods of both") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io);
        co_await c.caller.call(built_in::ping);
        const auto hello = co_await c.caller.call(built_in::hello);
        CHECK_FALSE(hello.version.empty());
        CHECK(c.first.to->counted().calls == 0);
        const auto names = co_await c.caller.call(built_in::list);
        for (const auto& name : names_of_both)
            CHECK(std::count(names.begin(), names.end(), name) == 1);
        CHECK(std::is_sorted(names.begin(), names.end()));
        std::optional<std::string> which;
        auto all = co_await c.caller.call(built_in::describe, which);
        CHECK(all.size() == names.size());
        which = "proxy.purge";
        all = co_await c.caller.call(built_in::describe, which);
        REQUIRE(all.size() == 1);
        CHECK(all[0].parameters.size() == 2);
        which = "demo.add";
        all = co_await c.caller.call(built_in::describe, which);
        REQUIRE(all.size() == 1);
        CHECK(all[0].name == "demo.add");
        auto unknown = co_await c.caller.exchange(make_call("oocrpc.describe", "no.such"));
        CHECK(unknown.fault->message == "no_such_method");
        co_await c.stop();
    });
}

/// A server that takes everything, and writes down what it was called for.
struct taker {
    explicit taker(asio::io_context& io)
        : at(io, [this](context&, message call) -> maybe_awaitable<message> {
              reached.emplace_back(call.method);
              return message::reply(0, {bson::type::null, {}});
          }) {}

    std::vector<std::string> reached;
    site at;
};

TEST_CASE("what is about a connection never gets to the one that the proxy's callers share") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        taker end(io);
        proxy_site first(io, end.at.url, caching("admin.$cmd"));
        client caller(io.get_executor(), first.at.url);
        const auto told = [&](std::string method, json arguments,
                              bool streams) -> awaitable<std::string> {
            auto call = make_call(method, arguments);
            if (streams) {
                auto items = co_await caller.open(std::move(call), call_options(), 1);
                const message last = co_await items->next();
                co_return last.fault ? last.fault->message : "served";
            }
            const message answer = co_await caller.exchange(std::move(call));
            co_return answer.fault ? answer.fault->message : "served";
        };
        const json login = json::array({"SCRAM-SHA-256", "n,,n=ada,r=x"});
        for (const bool streams : {false, true}) {
            for (const auto* own : {"oocrpc.sasl_start", "oocrpc.sasl_continue", "oocrpc.nothing",
                                    "oocrpc.$cmd", "oocrpc."}) {
                CAPTURE(own);
                const auto got = co_await told(own, login, streams);
                CHECK(got == "no_such_method");
            }
            for (const auto* name : {"saslStart", "saslContinue", "authenticate", "logout", "hello",
                                     "isMaster", "ismaster", "LOGOUT"}) {
                CAPTURE(name);
                json command;
                command[name] = 1;
                for (const auto* of : {"admin.$cmd", "other.$cmd", "$cmd"}) {
                    const auto got = co_await told(of, command, streams);
                    CHECK(got == "permission_denied");
                }
            }
            for (const auto* name : {"admin.saslStart", "x.saslContinue", "x.authenticate",
                                     "admin.logout", "logout"}) {
                CAPTURE(name);
                const auto got = co_await told(name, nullptr, streams);
                CHECK(got == "permission_denied");
            }
        }
        auto oneway = make_call("oocrpc.sasl_start", login);
        oneway.oneway = true;
        co_await caller.exchange(std::move(oneway));
        co_await sleep_for(1s);
        CHECK(end.reached.empty());
        const json find = {{"find", "c"}, {"logout", 1}};
        for (const auto* open : {"admin.$cmd", "x.hello", "x.y"}) {
            const auto got = co_await told(open, find, false);
            CHECK(got == "served");
        }
        CHECK(end.reached == list_of("admin.$cmd", "x.hello", "x.y"));
        caller.close();
        co_await first.stop();
        co_await end.at.stop();
    });
}

TEST_CASE("proxy.stats and proxy.purge, as calls") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io, caching("demo.add"));
        const json args = json::array({1, 2}), named = {{"b", 2}, {"a", 1}},
                   value = json::array({7});
        for (int i = 0; i < 3; ++i) CHECK(co_await c.caller.call("demo.add", args) == 3);
        CHECK(co_await c.caller.call("demo.add", named) == 3);
        co_await c.caller.call("demo.echo", value);
        auto s = co_await c.caller.call(proxy::stats_method);
        CHECK(s.hits == 2);
        CHECK(s.misses == 2);
        CHECK(s.joined == 0);
        CHECK(s.entries == 2);
        CHECK(s.bytes > 100);
        CHECK(s.limit_bytes == 64 << 20);
        CHECK(s.in_flight == 0);
        CHECK(s.upstream_calls == 3);
        CHECK(s.upstream_cancelled == 0);
        CHECK(s.connections == 1);
        const json call = json::array({"demo.add", args}), method = json::array({"demo.add"});
        CHECK(co_await c.caller.call("proxy.purge", call) == 1);
        CHECK(co_await c.caller.call("proxy.purge", method) == 1);
        CHECK(co_await c.caller.call("proxy.purge") == 0);
        const json wrong = {{"arguments", 1}};
        auto refused = co_await c.caller.exchange(make_call("proxy.purge", wrong));
        CHECK(refused.fault->message == "invalid_argument");
        co_await c.stop();
    });
}

TEST_CASE("1,000 callers of a slow server make one call there; when all leave, it stops") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io, caching("demo.sleep_ms"));
        // A connection tells of 50 cancels a second, so that its server does not end it.
        std::vector<client> callers;
        for (int i = 0; i < 20; ++i) callers.emplace_back(io.get_executor(), c.first.at.url);
        for (auto& one : callers) co_await one.call(built_in::ping);
        std::vector<call_under_way> waiters(1000);
        for (std::size_t i = 0; i < waiters.size(); ++i)
            waiters[i].start(io, callers[i % 20], make_call("demo.sleep_ms", 5000));
        co_await sleep_for(1s);
        CHECK(c.first.to->counted().in_flight == 1);
        CHECK(c.second.to->counted().calls == 1);
        CHECK(c.demo.now().in_flight == 1);
        for (std::size_t i = 1; i < waiters.size(); ++i) waiters[i].work.cancel();
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 1);
        waiters[0].work.cancel();
        co_await sleep_for(1ms);
        CHECK(c.demo.now().in_flight == 0);
        CHECK(c.demo.now().cancelled == 1);
        CHECK(c.first.to->counted().cancelled == 1);
        // Nothing is left of it: the next one begins anew.
        const json span = 5000;
        CHECK(co_await c.caller.call("demo.sleep_ms", span) == 5000);
        CHECK(c.second.to->counted().calls == 2);
        CHECK(co_await c.caller.call("demo.sleep_ms", span) == 5000);
        CHECK(c.second.to->counted().calls == 2);
        callers.clear();
        co_await c.stop();
    });
}

TEST_CASE("a cached method that streams answers with all its items as one array") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        chain c(io, caching("demo.count"));
        for (int round = 0; round < 2; ++round) {
            auto items = co_await c.caller.open(demo::count, 3);
            int n = 0;
            while (auto i = co_await items.next()) CHECK(*i == n++);
            CHECK(n == 3);
        }
        CHECK(c.first.cache->counted().hits == 1);
        co_await c.stop();
    });
}

} // TEST_SUITE("forward")
