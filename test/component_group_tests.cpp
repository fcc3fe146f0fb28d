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

awaitable<void> as_void(awaitable<std::unique_ptr<component>> work) {
    co_await std::move(work);
}

/// What a group tells: "a failed: why", "a restarting".
using story = std::vector<std::string>;

void listen(component_group& to, story& into) {
    to.on_event = [&into](const component_event& e) {
        const char* const names[]{" started", " stopped", " failed", " restarting"};
        auto line = e.which.path() + names[static_cast<int>(e.what)];
        into.push_back(e.why ? line + ": " + what(e.why) : line);
    };
}

/// Fails as soon as it has started, before anybody who waits for that goes on.
struct short_lived : component {
    using component::component;
    awaitable<void> on_start() override {
        co_await asio::post(use_awaitable);
        auto fail_soon = [this] { fail(std::make_exception_ptr(std::runtime_error("broken"))); };
        asio::post(co_await this_coro::executor, fail_soon);
    }
    awaitable<void> on_stop() override { co_return; }
};

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

TEST_CASE("a second stop waits for what a start undoes, which only a cancel cuts short") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.a.stop_time = group.b.start_time = 1h;
        const auto ex = co_await this_coro::executor;
        spawned starting(ex, group.start());
        spawned first(ex, group.stop());
        co_await settle(); // now it undoes
        spawned second(ex, group.stop());
        co_await sleep_for(1s);
        CHECK(!starting.done);
        CHECK(!first.done);
        CHECK(!second.done);
        CHECK(all == diary{"+a"});
        second.cancel();
        co_await settle();
        for (const auto* s : {&starting, &first, &second}) CHECK(s->done);
        CHECK(all == diary{"+a", "~a"});
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
        CHECK(all == diary{"+a", "+b", "+c", "-c", "-b", "-a"});
    });
}

TEST_CASE("a replacement starts and takes the place of the old one, which is returned running") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        all.clear();
        auto next = make("b", all);
        auto* const raw = next.get();
        const auto old = co_await group.replace(std::move(next));
        CHECK(old.get() == &group.b);
        CHECK(old->running());
        CHECK(old->parent() == nullptr);
        CHECK(all == diary{"+b"});
        CHECK(group.find("b") == raw);
        CHECK(group.components()[1] == raw);
        co_await old->stop();
        CHECK(all == diary{"+b", "-b"});
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
        CHECK(co_await error_of(group.replace(std::move(next))) == "b does not start");
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
        co_await settle(); // b may wait for what a was to provide
        CHECK(starting.done);
        CHECK(what(starting.error) == "broken");
        CHECK(all == diary{"+a", "-a"});
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

TEST_CASE("a component is taken out while the group stops") {
    for (const std::string which : {"a", "b", "c"}) { // still to be stopped, stopping, stopped
        CAPTURE(which);
        run([&]() -> awaitable<void> {
            diary all;
            three group(all);
            group.b.stop_time = 1s;
            co_await group.start();
            spawned stopping(co_await this_coro::executor, group.stop());
            co_await settle();
            auto out = co_await group.remove(which);
            CHECK(out->name() == which);
            CHECK(!out->running());
            out.reset();
            co_await sleep_for(2s);
            CHECK(stopping.done);
            CHECK(!stopping.error);
            CHECK(all.size() == 6);
            CHECK(group.size() == 2);
        });
    }
}

TEST_CASE("a component is taken out while the group starts, which goes on") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.a.start_time = group.b.start_time = 1h;
        spawned starting(co_await this_coro::executor, group.start());
        CHECK((co_await group.remove("a"))->name() == "a");
        CHECK((co_await group.remove("b"))->name() == "b");
        co_await settle();
        CHECK(starting.done);
        CHECK(!starting.error);
        CHECK(all == diary{"+c"});
        co_await group.stop();
    });
}

TEST_CASE("a component is taken out while it is being added") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        auto d = make("d", all);
        d->start_time = 1h;
        spawned adding(co_await this_coro::executor, group.add_running(std::move(d)));
        auto out = co_await group.remove("d");
        CHECK(out->name() == "d");
        out.reset();
        co_await settle();
        CHECK(adding.done);
        CHECK(is_cancelled(adding.error));
        CHECK(group.size() == 3);
        CHECK(all == diary{"+a", "+b", "+c"});
        co_await group.stop();
    });
}

TEST_CASE("one that does not stop well is taken out all the same, and that is told") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.b.failing_stop = true;
        co_await group.start();
        story told;
        listen(group, told);
        const auto out = co_await group.remove("b");
        CHECK(out->name() == "b");
        CHECK(out->parent() == nullptr);
        CHECK(told == story{"b failed: b does not stop well", "b stopped"});
        co_await group.stop();
    });
}

TEST_CASE("a group that stops cancels a replacement that is starting") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        auto next = make("b", all);
        next->start_time = 1h;
        spawned replacing(co_await this_coro::executor, as_void(group.replace(std::move(next))));
        co_await settle();
        co_await group.stop();
        co_await settle();
        CHECK(replacing.done);
        CHECK(is_cancelled(replacing.error));
        CHECK(group.find("b") == &group.b);
        CHECK(all == diary{"+a", "+b", "+c", "-c", "-b", "-a"});
    });
}

TEST_CASE("a replacement whose place is taken out meanwhile is stopped") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        all.clear();
        auto next = make("b", all);
        next->start_time = 1s;
        spawned replacing(co_await this_coro::executor, as_void(group.replace(std::move(next))));
        const auto out = co_await group.remove("b");
        CHECK(out.get() == &group.b);
        co_await sleep_for(2s);
        CHECK(replacing.done);
        CHECK(is_cancelled(replacing.error));
        CHECK(group.find("b") == nullptr);
        CHECK(all == diary{"-b", "+b", "-b"});
        co_await group.stop();
    });
}

TEST_CASE("of two replacements each takes the place of what is there when it has started") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        co_await group.start();
        auto slow = make("b", all), fast = make("b", all);
        slow->start_time = 1s;
        auto* const last = slow.get();
        auto* const between = fast.get();
        std::unique_ptr<component> second;
        auto replace = [&]() -> awaitable<void> {
            second = co_await group.replace(std::move(slow));
        };
        spawned replacing(co_await this_coro::executor, replace());
        const auto first = co_await group.replace(std::move(fast));
        CHECK(first.get() == &group.b);
        co_await sleep_for(2s);
        CHECK(second.get() == between);
        CHECK(group.find("b") == last);
        co_await first->stop();
        co_await second->stop();
        co_await group.stop();
    });
}

TEST_CASE("one that was replaced keeps its path, and its failure is the group's no longer") {
    run([]() -> awaitable<void> {
        diary all;
        unhandled_log unhandled;
        component_group root("root");
        auto& outer = root.add<component_group>("outer");
        auto& inner = outer.add<component_group>("inner");
        auto& leaf = inner.add<probe>("leaf", all);
        co_await root.start();
        story told;
        listen(root, told);
        const auto old = co_await outer.replace(std::make_unique<component_group>("inner"));
        CHECK(old->path() == "outer.inner");
        CHECK(leaf.path() == "outer.inner.leaf");
        leaf.fail_now("broken");
        CHECK(unhandled.errors() == std::vector<std::string>{"broken"});
        CHECK(told == story{"outer.inner started"});
        CHECK(root.running());
        co_await old->stop();
        co_await root.stop();
    });
}

TEST_CASE("one that is replaced while it waits to be started again stays stopped") {
    for (const bool starting : {true, false}) {
        CAPTURE(starting);
        run([&]() -> awaitable<void> {
            diary all;
            component_group group("all");
            auto& a = static_cast<probe&>(group.add(make("a", all), restarting()));
            co_await group.start();
            a.start_time = 1h;
            a.fail_now("broken");
            co_await sleep_for(starting ? 1s : 50ms);
            const auto old = co_await group.replace(make("a", all));
            co_await old->stop();
            co_await sleep_for(10s);
            CHECK(!old->running());
            CHECK(all == diary{"+a", "-a", "+a"});
            co_await group.stop();
        });
    }
}

TEST_CASE("a failure that is a cancellation is tried again as any other") {
    run([]() -> awaitable<void> {
        diary all;
        component_group group("all");
        auto& a = static_cast<probe&>(group.add(make("a", all), restarting()));
        co_await group.start();
        a.failing_starts = 2;
        a.start_error = std::make_exception_ptr(rpc_error(errc::cancelled, "says an upstream"));
        a.fail_now("broken");
        co_await sleep_for(10s);
        CHECK(a.running());
        co_await group.stop();
        CHECK(all == diary{"+a", "-a", "!a", "!a", "+a", "-a"});
    });
}

TEST_CASE("one that fails as soon as it has started is started again, later each time") {
    run([]() -> awaitable<void> {
        component_group group("all");
        group.add(std::make_unique<short_lived>("a"), restarting());
        std::vector<std::int64_t> pauses;
        group.on_event = [&](const component_event& e) {
            if (e.what == component_event::kind::restarting) pauses.push_back(e.pause.count());
        };
        co_await group.start();
        co_await sleep_for(3600ms);
        CHECK(pauses == std::vector<std::int64_t>{100, 200, 400, 800, 1000, 1000, 1000});
        co_await group.stop();
    });
}

TEST_CASE("a group that stops lets a component finish its stop that has failed") {
    for (const auto action : {on_failure::restart, on_failure::ignore}) {
        run([&](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
            diary all;
            unhandled_log unhandled;
            component_group group("all");
            auto policy = restarting();
            policy.action = action;
            auto& a = static_cast<probe&>(group.add(make("a", all), policy));
            a.stop_time = 10s;
            co_await group.start();
            story told;
            listen(group, told);
            const auto begin = time.now();
            a.fail_now("broken");
            co_await sleep_for(1s);
            co_await group.stop();
            CHECK(time.now() - begin == 10s);
            CHECK(all == diary{"+a", "-a"});
            CHECK(told == story{"a failed: broken", "a stopped"});
            CHECK(unhandled.errors().empty());
        });
    }
}

TEST_CASE("a group that stops is cut short also where a failed component is stopping") {
    run([]() -> awaitable<void> {
        diary all;
        component_group group("all");
        auto& a = static_cast<probe&>(group.add(make("a", all), restarting()));
        a.stop_time = 10s;
        co_await group.start();
        a.fail_now("broken");
        co_await sleep_for(1s);
        spawned stopping(co_await this_coro::executor, group.stop());
        stopping.cancel();
        co_await settle();
        CHECK(stopping.done);
        CHECK(all == diary{"+a", "~a"});
    });
}

TEST_CASE("what on_event throws is reported and changes nothing") {
    run([]() -> awaitable<void> {
        diary all;
        unhandled_log unhandled;
        three group(all);
        group.on_event = [](const component_event&) { throw std::runtime_error("no log"); };
        co_await group.start();
        CHECK(group.c.running());
        co_await group.stop();
        CHECK(all == diary{"+a", "+b", "+c", "-c", "-b", "-a"});
        CHECK(unhandled.errors() == std::vector<std::string>(6, "no log"));
    });
}

TEST_CASE("while a group starts or stops nothing is added or replaced") {
    run([]() -> awaitable<void> {
        diary all;
        three group(all);
        group.b.start_time = group.b.stop_time = 1s;
        const auto refuse = [&]() -> awaitable<void> {
            CHECK_THROWS_AS(group.add<probe>("d", all), std::logic_error);
            auto d = make("d", all), b = make("b", all);
            CHECK(co_await error_of(group.add_running(std::move(d))) == "all does not run");
            CHECK(co_await error_of(group.replace(std::move(b))) == "all does not run");
            CHECK(group.size() == 3);
        };
        const auto ex = co_await this_coro::executor;
        spawned starting(ex, group.start());
        co_await refuse();
        co_await sleep_for(2s);
        spawned stopping(ex, group.stop());
        co_await refuse();
        co_await sleep_for(2s);
        CHECK(stopping.done);
    });
}

TEST_CASE("a component that was started on its own is recovered as well") {
    run([]() -> awaitable<void> {
        diary all;
        component_group group("all");
        auto& a = static_cast<probe&>(group.add(make("a", all), restarting()));
        co_await a.start();
        a.fail_now("broken");
        co_await sleep_for(1s);
        CHECK(a.running());
        co_await group.remove("a");
        CHECK(all == diary{"+a", "-a", "+a", "-a"});
    });
}

TEST_CASE("a group that is destroyed while a component recovers leaves nothing behind") {
    struct moment {
        const char* name;
        duration stop_time, start_time, when;
    };
    for (const auto& m : {moment{"stopping", 1h, 0s, 1s}, moment{"pausing", 0s, 0s, 50ms},
                          moment{"starting", 0s, 1h, 1s}}) {
        CAPTURE(m.name);
        run([&]() -> awaitable<void> {
            diary all;
            auto group = std::make_unique<component_group>("all");
            auto& a = static_cast<probe&>(group->add(make("a", all), restarting()));
            co_await group->start();
            a.stop_time = m.stop_time;
            a.start_time = m.start_time;
            a.fail_now("broken");
            co_await sleep_for(m.when);
            group.reset();
            co_await settle();
            CHECK(all.size() == 2);
        });
    }
}

} // TEST_SUITE("component_group")
