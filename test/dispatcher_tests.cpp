#include "support/test.hpp"

#include <oocrpc/dispatcher.hpp>

#include <map>
#include <random>
#include <set>

using namespace oocrpc;
using cancel_action = dispatcher::cancel_action;
using peer_kind = dispatcher::peer_kind;

namespace {

/// What a waiter was told, and how often.
struct told {
    int times = 0;
    message last;
    dispatcher::waiter waiter() {
        return [this](message m) {
            ++times;
            m.own();
            last = std::move(m);
        };
    }
    bool failed_with(errc e) const {
        return times == 1 && last.fault && last.fault->code == static_cast<int>(e);
    }
};
struct items final : reply_receiver {
    std::vector<message_kind> kinds;
    void on_reply(message m) override { kinds.push_back(m.kind); }
};

constexpr bson::value_view null{bson::type::null, {}};

message cancelled(std::int64_t id) {
    return message::error(id, errc::cancelled, "");
}
bool answer(dispatcher& d, std::int64_t id) {
    auto m = message::reply(id, null);
    return d.on_reply(m);
}
std::int64_t start(dispatcher& d, told& t) {
    const auto id = d.start_call(t.waiter(), {});
    d.sent(id);
    return id;
}
/// A value for a context that is never looked at.
context* call_number(std::uintptr_t n) {
    return reinterpret_cast<context*>(n);
}

} // namespace

TEST_SUITE("dispatcher") {

TEST_CASE("a reply is told to its own waiter, once, in whatever order replies come") {
    dispatcher d;
    told a, b, c;
    const auto ia = start(d, a), ib = start(d, b), ic = start(d, c);
    CHECK(answer(d, ic));
    CHECK(answer(d, ia));
    CHECK(answer(d, ib));
    CHECK(!answer(d, ib));
    CHECK(a.times == 1);
    CHECK(a.last.id == ia);
    CHECK(b.last.id == ib);
    CHECK(c.last.id == ic);
    CHECK(d.outgoing() == 0);
}

TEST_CASE("a reply that nobody asked for is nobody's") {
    dispatcher d;
    CHECK(!answer(d, 0));
    CHECK(!answer(d, 1));
    CHECK(!answer(d, INT64_MAX));
    told a;
    const auto id = start(d, a);
    CHECK(!answer(d, id + 1));
    CHECK(!answer(d, id + (std::int64_t{1} << 32)));
    CHECK(a.times == 0);
}

TEST_CASE("a reply that arrives after cancellation is dropped and the waiter is told once") {
    dispatcher d;
    told first, second;
    answer(d, start(d, first)); // shows itself as extended
    const auto id = start(d, second);
    CHECK(d.abandon(id, cancelled(id)) == cancel_action::send);
    CHECK(second.failed_with(errc::cancelled));
    CHECK(!answer(d, id));
    CHECK(d.abandon(id, cancelled(id)) == cancel_action::none);
    CHECK(second.times == 1);
}

TEST_CASE("the next call in the place of a cancelled one does not get its late reply") {
    dispatcher d;
    told first, second, third;
    answer(d, start(d, first));
    const auto old = start(d, second);
    d.abandon(old, cancelled(old));
    const auto fresh = start(d, third);
    CHECK(fresh != old);
    CHECK(!answer(d, old));
    CHECK(third.times == 0);
    CHECK(answer(d, fresh));
}

TEST_CASE("replies of a base peer belong to the calls in their order") {
    dispatcher d;
    told a, b;
    const auto ia = start(d, a);
    start(d, b);
    CHECK(answer(d, 0));
    CHECK(d.peer() == peer_kind::base);
    CHECK(a.times == 1);
    CHECK(b.times == 0);
    CHECK(answer(d, 0));
    CHECK(b.times == 1);
    CHECK(!answer(d, 0));
    CHECK(!answer(d, ia));
    CHECK(d.outgoing() == 0);
}

TEST_CASE("a cancelled call keeps its place, so that nobody else gets its reply") {
    dispatcher d;
    told a, b;
    const auto ia = start(d, a);
    start(d, b);
    CHECK(d.abandon(ia, cancelled(ia)) == cancel_action::later);
    CHECK(d.outgoing() == 2);
    CHECK(!answer(d, 0)); // that was for a
    CHECK(d.outgoing() == 1);
    CHECK(b.times == 0);
    CHECK(answer(d, 0));
    CHECK(b.times == 1);
    CHECK(a.failed_with(errc::cancelled));
    CHECK(d.take_remembered_cancels().empty());
    CHECK(d.outgoing() == 0);
}

TEST_CASE("a one-way call keeps its place, as a base peer answers it all the same") {
    dispatcher d;
    told oneway, b;
    const auto id = start(d, oneway);
    auto w = d.settle(id);
    w(message::reply(id, null));
    CHECK(oneway.times == 1);
    CHECK(d.outgoing() == 1);
    start(d, b);
    CHECK(!answer(d, 0));
    CHECK(answer(d, 0));
    CHECK(b.times == 1);
    CHECK(oneway.times == 1);
}

TEST_CASE("a call that was never sent has no place in the order") {
    dispatcher d;
    told unsent, b;
    const auto id = d.start_call(unsent.waiter(), {});
    CHECK(d.abandon(id, cancelled(id)) == cancel_action::none);
    start(d, b);
    CHECK(answer(d, 0));
    CHECK(b.times == 1);
    CHECK(d.outgoing() == 0);
}

TEST_CASE("remembered cancels go out once the peer has shown itself as extended") {
    dispatcher d;
    told a, b, c;
    const auto ia = start(d, a), ib = start(d, b), ic = start(d, c);
    CHECK(d.abandon(ia, cancelled(ia)) == cancel_action::later);
    CHECK(d.abandon(ib, cancelled(ib)) == cancel_action::later);
    CHECK(d.take_remembered_cancels().empty());
    CHECK(answer(d, ic));
    CHECK(d.peer() == peer_kind::extended);
    CHECK(d.take_remembered_cancels() == std::vector{ia, ib});
    CHECK(d.take_remembered_cancels().empty());
    CHECK(d.outgoing() == 0);
}

TEST_CASE("a cancelled call's own reply proves the peer too, and needs no cancel any more") {
    dispatcher d;
    told a;
    const auto id = start(d, a);
    d.abandon(id, cancelled(id));
    CHECK(!answer(d, id));
    CHECK(d.peer() == peer_kind::extended);
    CHECK(d.take_remembered_cancels().empty());
}

TEST_CASE("a peer that answers without id first and echoes one later is extended from then on") {
    dispatcher d;
    told a, b, c;
    start(d, a);
    const auto ib = start(d, b);
    start(d, c);
    CHECK(answer(d, 0));
    CHECK(answer(d, ib));
    CHECK(d.peer() == peer_kind::extended);
    CHECK(!answer(d, 0));
    CHECK(d.outgoing() == 1);
}

TEST_CASE("items go to the receiver of a stream until it ends, then nothing does") {
    dispatcher d;
    auto r = std::make_shared<items>();
    const auto id = d.start_stream(r, {});
    d.sent(id);
    for (auto kind : {message_kind::item, message_kind::item, message_kind::reply}) {
        auto m = message::reply(id, null);
        m.kind = kind;
        CHECK(d.on_reply(m));
    }
    CHECK(!answer(d, id));
    CHECK(r->kinds == std::vector{message_kind::item, message_kind::item, message_kind::reply});
    CHECK(r.use_count() == 1);
}

TEST_CASE("an item for a call that takes no stream is dropped") {
    dispatcher d;
    told a;
    const auto id = start(d, a);
    auto item = message::reply(id, null);
    item.kind = message_kind::item;
    CHECK(!d.on_reply(item));
    CHECK(answer(d, id));
}

TEST_CASE("a waiter may start calls and abandon others while it is told") {
    dispatcher d;
    told other, later;
    const auto ib = start(d, other);
    std::int64_t fresh = 0;
    const auto id = d.start_call(
        [&](message) {
            d.abandon(ib, cancelled(ib));
            for (int i = 0; i < 100; ++i) fresh = start(d, later);
        },
        {});
    d.sent(id);
    CHECK(answer(d, id));
    CHECK(other.failed_with(errc::cancelled));
    CHECK(answer(d, fresh));
    CHECK(d.waiting() == 99);
}

TEST_CASE("deadlines are found when they have passed") {
    dispatcher d;
    told a, b, c;
    const auto now = std::chrono::steady_clock::now();
    using std::chrono::milliseconds;
    auto in = [&](int ms) {
        return call_deadline::after(milliseconds(ms), now, deadline_origin::call);
    };
    const auto ia = d.start_call(a.waiter(), in(20));
    const auto ib = d.start_call(b.waiter(), in(10));
    d.start_call(c.waiter(), {});
    CHECK(d.next_deadline() == now + milliseconds(10));
    CHECK(d.expired(now + milliseconds(9)).empty());
    CHECK(d.expired(now + milliseconds(10)) == std::vector{ib});
    CHECK(d.expired(now + milliseconds(20)) == std::vector{ia, ib});
    CHECK(d.all_waiting().size() == 3);
}

TEST_CASE("calls without id are answered in their order, whatever order they end in") {
    dispatcher d;
    std::vector<std::int64_t> keys;
    for (std::uintptr_t i = 1; i <= 4; ++i) keys.push_back(d.begin_call(0, call_number(i * 8)));
    std::vector<std::int64_t> out;
    auto finish = [&](std::size_t i) {
        auto m = message::reply(0, null);
        m.timeout_ms = static_cast<std::int64_t>(i); // to tell them apart
        d.finish_call(keys[i], std::move(m), [&](message r) { out.push_back(r.timeout_ms); });
    };
    finish(2);
    finish(1);
    CHECK(out.empty());
    CHECK(d.stored() > 0);
    CHECK(!d.in_order());
    finish(0);
    CHECK(out == std::vector<std::int64_t>{0, 1, 2});
    CHECK(d.stored() == 0);
    finish(3);
    CHECK(out.back() == 3);
    CHECK(d.in_order());
    CHECK(d.running() == 0);
}

TEST_CASE("a call without id that is not answered keeps nobody waiting") {
    dispatcher d;
    const auto oneway = d.begin_call(0, call_number(8), false);
    const auto second = d.begin_call(0, call_number(16));
    CHECK(oneway != second);
    int sent = 0;
    d.finish_call(second, message::reply(0, null), [&](message) { ++sent; });
    CHECK(sent == 1);
    CHECK(d.running() == 1);
    d.finish_call(oneway, message::reply(0, null), [&](message) { ++sent; });
    CHECK(d.running() == 0);
    CHECK(d.in_order());
}

TEST_CASE("an id that is in use cannot be begun again until its call has ended") {
    dispatcher d;
    CHECK(d.begin_call(5, call_number(8)) == 5);
    CHECK(d.begin_call(5, call_number(16)) == 0);
    CHECK(d.find_running(5) == call_number(8));
    d.finish_call(5, message::reply(5, null), [](message) {});
    CHECK(d.find_running(5) == nullptr);
    CHECK(d.begin_call(5, call_number(16)) == 5);
}

TEST_CASE("with random calls, cancels and replies each waiter is told once and by its own") {
    std::mt19937 random(42);
    for (bool base : {false, true}) {
        dispatcher d;
        std::map<std::int64_t, told> all;
        std::vector<std::int64_t> open; // as the peer sees it: cancels change nothing
        std::set<std::int64_t> ids;
        for (int i = 0; i < 20'000; ++i) {
            const auto what = random() % 3;
            if (what == 0 || open.empty()) {
                auto w = std::make_shared<told*>();
                const auto id = d.start_call(
                    [w](message m) {
                        ++(*w)->times;
                        (*w)->last = std::move(m);
                    },
                    {});
                *w = &all[id];
                d.sent(id);
                CHECK(ids.insert(id).second);
                open.push_back(id);
            } else if (what == 1) {
                const auto id = open[random() % open.size()];
                d.abandon(id, cancelled(id));
            } else {
                const auto at = base ? 0 : random() % open.size();
                const auto id = open[at];
                open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
                const auto before = all[id].times;
                CHECK(answer(d, base ? 0 : id) == (before == 0));
                CHECK(all[id].times == 1);
            }
            CHECK(d.outgoing() <= all.size());
        }
        for (auto id : open) {
            answer(d, base ? 0 : id);
            CHECK(all[id].times == 1);
        }
        CHECK(d.outgoing() == 0);
    }
}

} // TEST_SUITE("dispatcher")
