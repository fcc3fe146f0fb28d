#include "support/probe_component.hpp"
#include "support/run.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using namespace std::chrono_literals;

namespace {

/// A group of probes a, b and c.
struct three : component_group {
    explicit three(diary& all)
        : component_group("all"),
          a(add<probe>("a", all)),
          b(add<probe>("b", all)),
          c(add<probe>("c", all)) {}
    using component_group::add;
    probe &a, &b, &c;
};

std::unique_ptr<probe> make(const char* name, diary& all) {
    return std::make_unique<probe>(name, all);
}

failure_policy restarting() {
    failure_policy p;
    p.action = on_failure::restart;
    p.first = 100ms;
    p.most = 1s;
    return p;
}

} // namespace

TEST_SUITE("component_group") {

TEST_CASE("components start in order and stop in reverse") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        CHECK(group.running());
        co_await group.stop();
        CHECK(all == diary{"+a", "+b", "+c", "-c", "-b", "-a"});
    });
}

TEST_CASE("a later start that fails undoes what was started, at every position") {
    for (int position = 0; position < 3; ++position) {
        CAPTURE(position);
        run([&]() -> awaitable<void> {
            diary all;
            three group(all);
            probe* const of[]{&group.a, &group.b, &group.c};
            of[position]->failing_starts = 1;
            const std::string name = of[position]->name();
            CHECK(co_await error_of(group.start()) == name + " does not start");
            CHECK(!group.running());
            diary expected;
            for (int i = 0; i < position; ++i) expected.push_back("+" + of[i]->name());
            expected.push_back("!" + name);
            for (int i = position; i-- > 0;) expected.push_back("-" + of[i]->name());
            CHECK(all == expected);
            for (auto* p : of) CHECK(!p->running());
        });
    }
}

TEST_CASE("a start that is cancelled stops what was started, waiting for it") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.a.stop_time = 1s;
        group.b.start_time = 1s;
        spawned starting(co_await this_coro::executor, group.start());
        co_await sleep_for(500ms);
        starting.cancel();
        co_await sleep_for(500ms);
        CHECK(!starting.done);
        co_await sleep_for(501ms);
        CHECK(starting.done);
        CHECK(is_cancelled(starting.error));
        CHECK(all == diary{"+a", "-a"});
    });
}

TEST_CASE("stopping goes on after an error, and throws the first") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.b.failing_stop = group.c.failing_stop = true;
        co_await group.start();
        CHECK(co_await error_of(group.stop()) == "c does not stop well");
        CHECK(all == diary{"+a", "+b", "+c", "-c", "-b", "-a"});
        CHECK(!group.running());
    });
}

TEST_CASE("a stop that is cancelled cuts short what is stopping and all that follows") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.a.stop_time = group.b.stop_time = group.c.stop_time = 10s;
        co_await group.start();
        spawned stopping(co_await this_coro::executor, group.stop());
        co_await sleep_for(15s);
        stopping.cancel();
        co_await settle();
        CHECK(stopping.done);
        CHECK(all == diary{"+a", "+b", "+c", "-c", "~b", "~a"});
        CHECK(!group.running());
    });
}

TEST_CASE("names are unique, and found also below") {
    diary all;
    three group(all);
    CHECK_THROWS_WITH(group.add<probe>("b", all), "all has a component named 'b' already");
    CHECK(group.size() == 3);
    auto& inner = group.add<component_group>("inner");
    auto& leaf = inner.add<probe>("leaf", all);
    CHECK(group.find("b") == &group.b);
    CHECK(group.find("inner.leaf") == &leaf);
    CHECK(group.find("inner.nobody") == nullptr);
    CHECK(group.find("a.leaf") == nullptr);
    CHECK(group.find("") == nullptr);
}

TEST_CASE("a component is added to a running group and started, and taken out and stopped") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        CHECK_THROWS_AS(group.add<probe>("d", all), std::logic_error);
        co_await group.add_running(make("d", all));
        CHECK(group.find("d")->running());
        auto out = co_await group.remove("b");
        CHECK(out->name() == "b");
        CHECK(!out->running());
        CHECK(out->parent() == nullptr);
        CHECK(group.find("b") == nullptr);
        CHECK(co_await group.remove("b") == nullptr);
        co_await group.stop();
        CHECK(all == diary{"+a", "+b", "+c", "+d", "-b", "-d", "-c", "-a"});
    });
}

TEST_CASE("one that does not start is not added to a running group") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        auto d = make("d", all);
        d->failing_starts = 1;
        CHECK(co_await error_of(group.add_running(std::move(d))) == "d does not start");
        CHECK(group.size() == 3);
        co_await group.stop();
    });
}

TEST_CASE("a group that is stopped while one is being added leaves nothing running") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        auto d = make("d", all);
        d->start_time = 1s;
        spawned adding(co_await this_coro::executor, group.add_running(std::move(d)));
        co_await group.stop();
        co_await sleep_for(2s);
        CHECK(adding.done);
        CHECK(is_cancelled(adding.error));
        CHECK(group.size() == 3);
        CHECK(all.back() == "-d");
    });
}

TEST_CASE("a replacement starts and takes the place of the old one, which runs until told") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        all.clear();
        auto next = make("b", all);
        auto* const raw = next.get();
        auto old = co_await group.replace(std::move(next));
        CHECK(all == diary{"+b"});
        CHECK(old->running());
        CHECK(old->parent() == nullptr);
        co_await old->stop();
        CHECK(group.find("b") == raw);
        CHECK(group.components()[1] == raw);
        co_await group.stop();
    });
}

TEST_CASE("where a replacement does not start, the old one stays and runs") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        auto next = make("b", all);
        next->failing_starts = 1;
        std::string why;
        try {
            co_await group.replace(std::move(next));
        } catch (const std::exception& e) {
            why = e.what();
        }
        CHECK(why == "b does not start");
        CHECK(group.find("b") == &group.b);
        CHECK(group.b.running());
        co_await group.stop();
    });
}

TEST_CASE("a failure with the policy to stop fails the groups up to the root") {
    run([]() -> awaitable<void> {
        diary all;
        unhandled_log unhandled;
        std::vector<std::string> events;
        component_group root("root");
        auto& inner = root.add<component_group>("inner");
        auto& a = inner.add<probe>("a", all);
        root.on_event = [&](const component_event& e) {
            if (e.what == component_event::kind::failed)
                events.push_back(e.which.path() + ": " + what(e.why));
        };
        co_await root.start();
        a.fail_now("broken");
        CHECK(events == std::vector<std::string>{"inner.a: broken", "inner: broken"});
        CHECK(unhandled.errors() == std::vector<std::string>{"broken"});
        co_await root.stop();
    });
}

TEST_CASE("a failure that is to be ignored stops that component alone") {
    run([]() -> awaitable<void> {
        diary all;
        component_group group("all");
        failure_policy ignoring;
        ignoring.action = on_failure::ignore;
        auto& a = group.add<probe>("a", all);
        auto& b = static_cast<probe&>(group.add(make("b", all), ignoring));
        co_await group.start();
        b.fail_now("broken");
        co_await settle();
        CHECK(!b.running());
        CHECK(a.running());
        CHECK(group.running());
        co_await group.stop();
        CHECK(all == diary{"+a", "+b", "-b", "-a"});
    });
}

TEST_CASE("a component that fails is started again after a pause that doubles up to a limit") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        diary all;
        component_group group("all");
        auto& a = static_cast<probe&>(group.add(make("a", all), restarting()));
        std::vector<std::int64_t> pauses;
        group.on_event = [&](const component_event& e) {
            if (e.what == component_event::kind::restarting) pauses.push_back(e.pause.count());
        };
        co_await group.start();
        a.failing_starts = 5;
        const auto begin = time.now();
        a.fail_now("broken");
        co_await sleep_for(10s);
        CHECK(a.running());
        CHECK(pauses == std::vector<std::int64_t>{100, 200, 400, 800, 1000, 1000});
        CHECK(time.now() - begin == 10s);
        a.fail_now("broken again, after it ran for longer than the longest pause");
        co_await sleep_for(10s);
        CHECK(pauses.back() == 100);
        CHECK(a.running());
        co_await group.stop();
    });
}

TEST_CASE("a group that stops while a component waits to be started again does not wait") {
    run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        diary all;
        component_group group("all");
        auto policy = restarting();
        policy.first = policy.most = 1h;
        auto& a = static_cast<probe&>(group.add(make("a", all), policy));
        co_await group.start();
        a.fail_now("broken");
        co_await settle();
        const auto begin = time.now();
        co_await group.stop();
        CHECK(time.now() == begin);
        CHECK(all == diary{"+a", "-a"});
        co_await group.start();
        CHECK(a.running());
        co_await group.stop();
    });
}

TEST_CASE("a failure while the group is still starting makes the start fail") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.b.start_time = 1s;
        spawned starting(co_await this_coro::executor, group.start());
        co_await sleep_for(500ms);
        group.a.fail_now("broken");
        co_await sleep_for(1s);
        CHECK(starting.done);
        CHECK(what(starting.error) == "broken");
        CHECK(all == diary{"+a", "+b", "+c", "-c", "-b", "-a"});
    });
}

TEST_CASE("a group that is destroyed while it runs destroys its components, the last first") {
    diary all;
    run([&]() -> awaitable<void> {
        auto group = std::make_unique<three>(all);
        co_await group->start();
        group.reset();
    });
    CHECK(all == diary{"+a", "+b", "+c"});
}

} // TEST_SUITE("component_group")
