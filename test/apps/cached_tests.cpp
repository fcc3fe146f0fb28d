#include "proxy_support.hpp"

#include "proxy/cached.hpp"
#include "proxy/reply_cache.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;
using proxy::cache_rules;
using proxy::cache_use;
using proxy::reply_cache;

namespace {

/// What is behind the cache: answers how many calls it has had, after some time.
struct origin {
    awaitable<message> fetch(message call) {
        const auto number = ++begun;
        last = std::move(call);
        ++running;
        std::exception_ptr failure;
        try {
            if (delay > 0s) co_await sleep_for(delay);
        } catch (...) {
            failure = std::current_exception();
        }
        --running;
        if (failure) {
            ++stopped;
            std::rethrow_exception(failure);
        }
        if (fail) co_return message::error(0, rpc_error("no_luck", "try again", 7));
        if (size) co_return make_reply(std::string(size, 'x'));
        co_return make_reply(number);
    }

    duration delay = 1s;
    bool fail = false;
    std::size_t size = 0;
    int begun = 0;
    int running = 0;
    int stopped = 0;
    message last;
};

cache_rules rules_for(std::chrono::milliseconds ttl = 60s) {
    cache_rules rules;
    rules.methods.emplace("m", ttl);
    rules.methods.emplace("n", ttl);
    return rules;
}

std::shared_ptr<reply_cache> make_cache(asio::io_context& io, origin& from,
                                        cache_rules rules = rules_for()) {
    return reply_cache::make(io.get_executor(), std::move(rules),
                             [&from](message call) { return from.fetch(std::move(call)); });
}

/// The number that the origin gave.
awaitable<int> ask(std::shared_ptr<reply_cache> cache, json arguments = nullptr,
                   metadata meta = {}) {
    auto call = make_call("m", arguments, std::move(meta));
    const auto a = co_await cache->get(std::move(call));
    if (a.reply->fault) throw a.reply->to_exception();
    co_return a.reply->body.as_int32();
}

/// A waiter beside the test: what it got, and when.
struct waiter {
    void start(asio::io_context& io, std::shared_ptr<reply_cache> cache, json arguments = nullptr) {
        work.start(io.get_executor(), run(this, std::move(cache), std::move(arguments)));
    }
    static awaitable<void> run(waiter* self, std::shared_ptr<reply_cache> cache, json arguments) {
        auto& time = oocrpc::clock::of(co_await this_coro::executor);
        auto call = make_call("m", arguments);
        const auto a = co_await cache->get(std::move(call));
        self->use = a.use;
        self->at = time.now();
        self->value = a.reply->fault ? -1 : a.reply->body.as_int32();
    }

    spawned work;
    cache_use use{};
    time_point at{};
    int value = 0;
};

bool cancelled(const spawned& s) {
    return s.done && is_cancelled(s.error);
}

} // namespace

TEST_SUITE("cached") {

TEST_CASE("a private method is kept for each user, and a token is never shared") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto rules = rules_for();
        rules.per_user.insert("m");
        auto cache = make_cache(io, from, std::move(rules));
        const auto as = [&](std::string method, std::string user,
                            metadata meta = {}) -> awaitable<int> {
            auto call = make_call(method, nullptr, std::move(meta));
            const auto a = co_await cache->get(std::move(call), std::move(user));
            co_return a.reply->body.as_int32();
        };
        CHECK(co_await as("m", "ada") == 1);
        CHECK(co_await as("m", "bob") == 2);
        CHECK(co_await as("m", "") == 3);
        CHECK(co_await as("m", "ada") == 1);
        CHECK(co_await as("m", "bob") == 2);
        CHECK(co_await as("n", "ada") == 4); // public: one for all
        CHECK(co_await as("n", "bob") == 4);
        metadata ada{{"authorization", "Bearer ada"}}, bob{{"authorization", "Bearer bob"}};
        CHECK(co_await as("n", "", ada) == 5);
        CHECK(co_await as("n", "", bob) == 6);
        CHECK(co_await as("n", "", ada) == 5);
        const auto call = make_call("m", nullptr);
        CHECK(cache->find(call, {}, "ada") != nullptr);
        CHECK(cache->find(call, {}, "eve") == nullptr);
        CHECK(cache->purge("m") == 3);
    });
}

TEST_CASE("equal calls are answered from memory until the time to live has passed") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from, rules_for(10s));
        CHECK(co_await ask(cache) == 1);
        const auto begun = time.now();
        CHECK(co_await ask(cache) == 1);
        CHECK(time.now() == begun);
        co_await sleep_for(9s);
        CHECK(co_await ask(cache) == 1);
        co_await sleep_for(1s);
        CHECK(co_await ask(cache) == 2);
        CHECK(cache->counted().hits == 2);
        CHECK(cache->counted().misses == 2);
        CHECK(cache->stats().expired == 1);
    });
}

TEST_CASE("the order of keys and the width of integers do not matter") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        const json ab = {{"a", 1}, {"b", {{"c", 2}, {"d", 3}}}};
        const json ba = {{"b", {{"d", 3}, {"c", 2}}}, {"a", {{"$numberLong", "1"}}}};
        const json other = {{"a", 1}, {"b", {{"c", 2}, {"d", 4}}}};
        CHECK(co_await ask(cache, ab) == 1);
        CHECK(co_await ask(cache, ba) == 1);
        CHECK(co_await ask(cache, other) == 2);
        const json array = json::array({1, 2}), reversed = json::array({2, 1});
        CHECK(co_await ask(cache, array) == 3);
        CHECK(co_await ask(cache, reversed) == 4);
    });
}

TEST_CASE("no arguments, an empty array and an empty document are the same call") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        const json array = json::array(), document = json::object(), one = 7;
        const json alone = json::array({7}), null = json::array({nullptr});
        CHECK(co_await ask(cache) == 1);
        CHECK(co_await ask(cache, array) == 1);
        CHECK(co_await ask(cache, document) == 1);
        CHECK(co_await ask(cache, one) == 2);
        CHECK(co_await ask(cache, alone) == 2);
        CHECK(co_await ask(cache, null) == 3);
    });
}

TEST_CASE("declared metadata tells calls apart, other metadata does not") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto rules = rules_for();
        rules.vary = {"tenant", "lang"};
        auto cache = make_cache(io, from, std::move(rules));
        const metadata a{{"tenant", "a"}}, b{{"tenant", "b"}}, lang{{"lang", "a"}};
        const metadata traced{{"traceparent", "1"}, {"tenant", "a"}}, empty{{"tenant", ""}};
        CHECK(co_await ask(cache, nullptr, a) == 1);
        CHECK(from.last.meta == a);
        CHECK(co_await ask(cache, nullptr, traced) == 1);
        CHECK(co_await ask(cache, nullptr, b) == 2);
        CHECK(co_await ask(cache, nullptr, lang) == 3);
        CHECK(co_await ask(cache) == 4);
        CHECK(co_await ask(cache, nullptr, empty) == 5);
    });
}

TEST_CASE("1,000 equal calls in flight make one upstream call, and all are woken at once") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        std::vector<waiter> waiters(1000);
        const auto begun = time.now();
        for (auto& w : waiters) w.start(io, cache);
        co_await settle();
        CHECK(from.begun == 1);
        CHECK(cache->counted().fetching == 1);
        CHECK(cache->counted().misses == 1);
        CHECK(cache->counted().joined == 999);
        co_await sleep_for(1s);
        co_await settle();
        std::size_t told = 0, joined = 0;
        for (auto& w : waiters) {
            told += w.work.done && !w.work.error && w.value == 1 && w.at == begun + 1s;
            joined += w.use == cache_use::joined;
        }
        CHECK(told == 1000);
        CHECK(joined == 999);
        CHECK(from.begun == 1);
        CHECK(cache->counted().fetching == 0);
    });
}

TEST_CASE("a waiter that leaves leaves alone, whether it came first or later") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        waiter first, second, third;
        for (auto* w : {&first, &second, &third}) w->start(io, cache);
        co_await settle();
        first.work.cancel();
        third.work.cancel();
        co_await settle();
        CHECK(cancelled(first.work));
        CHECK(cancelled(third.work));
        CHECK_FALSE(second.work.done);
        CHECK(from.running == 1);
        co_await sleep_for(1s);
        co_await settle();
        CHECK(second.value == 1);
        CHECK(from.stopped == 0);
    });
}

TEST_CASE("when the last waiter leaves the fetch stops, and a new call begins its own") {
    run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        waiter first, second, later;
        first.start(io, cache);
        second.start(io, cache);
        co_await settle();
        first.work.cancel();
        second.work.cancel();
        // Between the last waiter's leaving and the end of the fetch.
        CHECK(cache->counted().fetching == 1);
        later.start(io, cache);
        const auto begun = time.now();
        co_await settle();
        CHECK(cancelled(first.work));
        CHECK(cancelled(second.work));
        CHECK(from.stopped == 1);
        CHECK(from.begun == 2);
        CHECK(from.running == 1);
        co_await sleep_for(1s);
        co_await settle();
        CHECK(later.use == cache_use::miss);
        CHECK(later.value == 2);
        CHECK(later.at == begun + 1s);
        CHECK(cache->counted().fetching == 0);
    });
}

TEST_CASE("a call that is cancelled before it could wait begins no fetch") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        waiter w;
        w.start(io, cache);
        w.work.cancel();
        co_await settle();
        CHECK(w.work.done);
        CHECK(from.running == 0);
        CHECK(cache->counted().fetching == 0);
    });
}

TEST_CASE("a waiter that runs out of time leaves alone") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        waiter patient;
        patient.start(io, cache);
        auto impatient = with_deadline(100ms, ask(cache));
        try {
            co_await std::move(impatient);
            FAIL("it should have run out of time");
        } catch (const rpc_error& e) {
            CHECK(e.code() == errc::deadline_exceeded);
        }
        CHECK(from.running == 1);
        co_await sleep_for(1s);
        co_await settle();
        CHECK(patient.value == 1);
    });
}

TEST_CASE("errors are told to all waiters and are not kept") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        from.fail = true;
        auto cache = make_cache(io, from);
        std::vector<waiter> waiters(10);
        for (auto& w : waiters) w.start(io, cache);
        co_await sleep_for(1s);
        co_await settle();
        for (auto& w : waiters) CHECK(w.value == -1);
        CHECK(from.begun == 1);
        CHECK(cache->stats().entries == 0);
        from.fail = false;
        CHECK(co_await ask(cache) == 2);
    });
}

TEST_CASE("a time to live of 0 shares calls under way and keeps nothing") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from, rules_for(0ms));
        waiter a, b;
        a.start(io, cache);
        b.start(io, cache);
        co_await sleep_for(1s);
        co_await settle();
        CHECK(a.value == 1);
        CHECK(b.value == 1);
        CHECK(co_await ask(cache) == 2);
    });
}

TEST_CASE("a reply that does not fit is told and not kept, others make room") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        from.size = 1000;
        auto rules = rules_for();
        rules.limit_bytes = 4000;
        auto cache = make_cache(io, from, std::move(rules));
        for (int i = 0; i < 5; ++i) {
            auto call = make_call("m", i);
            co_await cache->get(std::move(call));
        }
        CHECK(cache->stats().entries == 2);
        CHECK(cache->stats().evictions == 3);
        CHECK(cache->stats().bytes <= 4000);
        from.size = 5000;
        auto call = make_call("m");
        const auto a = co_await cache->get(std::move(call));
        CHECK(a.reply->body.as_string().size() == 5000);
        CHECK(cache->stats().entries == 2);
    });
}

TEST_CASE("purge forgets all, a method, or one call whatever its metadata") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto rules = rules_for();
        rules.vary = {"tenant"};
        auto cache = make_cache(io, from, std::move(rules));
        const metadata a{{"tenant", "a"}};
        auto fill = [&]() -> awaitable<void> {
            co_await ask(cache, 1);
            co_await ask(cache, 1, a);
            co_await ask(cache, 2);
            auto other = make_call("n", 1);
            co_await cache->get(std::move(other));
        };
        co_await fill();
        CHECK(cache->stats().entries == 4);
        CHECK(cache->purge("m", make_call("m", 1).body) == 2);
        CHECK(cache->purge("m", make_call("m", 1).body) == 0);
        CHECK(cache->stats().entries == 2);
        co_await fill();
        CHECK(cache->purge("m") == 3);
        CHECK(cache->purge("unknown") == 0);
        CHECK(cache->stats().entries == 1);
        co_await fill();
        CHECK(cache->purge() == 4);
        CHECK(cache->stats().bytes == 0);
    });
}

TEST_CASE("purge finds one call by its exact key where no metadata is declared") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        co_await ask(cache, 1);
        co_await ask(cache, 2);
        CHECK(cache->purge("m", make_call("m", 1).body) == 1);
        CHECK(cache->purge("m", absent) == 0);
        CHECK(co_await ask(cache, 2) == 2);
        CHECK(co_await ask(cache, 1) == 3);
    });
}

TEST_CASE("a call after a purge never gets what was asked for before it") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        waiter before, after;
        before.start(io, cache);
        co_await sleep_for(500ms);
        SUBCASE("all") {
            CHECK(cache->purge() == 0);
        }
        SUBCASE("the method") {
            CHECK(cache->purge("m") == 0);
        }
        SUBCASE("the call") {
            CHECK(cache->purge("m", absent) == 0);
        }
        after.start(io, cache);
        co_await sleep_for(500ms);
        co_await settle();
        CHECK(before.value == 1);
        CHECK_FALSE(after.work.done);
        CHECK(cache->stats().entries == 0);
        co_await sleep_for(500ms);
        co_await settle();
        CHECK(after.value == 2);
        CHECK(co_await ask(cache) == 2);
    });
}

TEST_CASE("the layer says where an answer came from, and its age") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        line l(io, proxy::cached({}, cache));
        auto get = [&]() -> awaitable<message> {
            auto call = make_call("m");
            return l.near->async_exchange(std::move(call), call_options(), use_awaitable);
        };
        auto pair = co_await when_all(get(), get());
        auto miss = std::move(std::get<0>(pair)).value();
        auto joined = std::move(std::get<1>(pair)).value();
        CHECK(*miss.meta.find("oocrpc-cache") == "miss");
        CHECK_FALSE(miss.meta.find("oocrpc-age"));
        CHECK(*joined.meta.find("oocrpc-cache") == "joined");
        co_await sleep_for(2500ms);
        auto hit = co_await get();
        CHECK(*hit.meta.find("oocrpc-cache") == "hit");
        CHECK(*hit.meta.find("oocrpc-age") == "2");
        CHECK(hit.body.as_int32() == 1);
        l.hang_up();
        co_await settle();
    });
}

TEST_CASE("the layer passes on what is not cached, and one-way calls") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        int passed = 0;
        handler inner = [&](context&, message) -> maybe_awaitable<message> {
            ++passed;
            return message::error(0, errc::no_such_method, "inner");
        };
        line l(io, proxy::cached(inner, cache));
        auto other = make_call("other");
        auto answer =
            co_await l.near->async_exchange(std::move(other), call_options(), use_awaitable);
        CHECK(answer.fault->detail == "inner");
        auto oneway = make_call("m");
        oneway.oneway = true;
        co_await l.near->async_exchange(std::move(oneway), call_options(), use_awaitable);
        co_await settle();
        CHECK(passed == 2);
        CHECK(from.begun == 0);
        l.hang_up();
        co_await settle();
    });
}

TEST_CASE("callers that hang up leave; when the last has gone the fetch stops") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        std::vector<std::unique_ptr<line>> lines;
        for (int i = 0; i < 3; ++i) {
            lines.push_back(std::make_unique<line>(io, proxy::cached({}, cache)));
            auto call = make_call("m");
            lines.back()->near->async_exchange(
                std::move(call), {}, asio::bind_executor(io.get_executor(), [](message) {}));
        }
        co_await settle();
        CHECK(cache->counted().joined == 2);
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(from.running == 1);
            lines[i]->hang_up();
            co_await settle();
        }
        CHECK(from.running == 0);
        CHECK(from.stopped == 1);
        CHECK(cache->counted().fetching == 0);
    });
}

TEST_CASE("a fetch has no deadline of the caller that caused it, and the caller's is kept") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        origin from;
        auto cache = make_cache(io, from);
        line l(io, proxy::cached({}, cache));
        const peer p(l.near);
        auto get = [&](std::chrono::milliseconds span) -> awaitable<json> {
            call_options options;
            options.when = deadline(span);
            return p.call("m", nullptr, options);
        };
        auto both = co_await when_all(get(300ms), get(5s));
        auto& [hasty, patient] = both;
        REQUIRE_FALSE(hasty.ok());
        CHECK(what(hasty.error()).find("deadline of 300 ms") != std::string::npos);
        CHECK(patient.value() == 1);
        CHECK(from.begun == 1);
        l.hang_up();
        co_await settle();
    });
}

} // TEST_SUITE("cached")
