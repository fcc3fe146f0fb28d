// What a connection does with its dispatcher, whatever the peer sends, beside a model of it: lists
// that are searched. A record is an operation and two bytes that choose what it is about.

#include "input.hpp"

#include <deque>
#include <map>
#include <vector>

#include <oocrpc/dispatcher.hpp>

namespace fuzz {
namespace {

using oocrpc::dispatcher;
using oocrpc::message;
using kind = oocrpc::message_kind;
using peer = dispatcher::peer_kind;
using action = dispatcher::cancel_action;
using time_point = dispatcher::time_point;

time_point at(unsigned n) {
    return time_point(std::chrono::seconds(n));
}

/// Our calls. The peer sends whatever replies it likes.
class our_calls {
  public:
    explicit our_calls(dispatcher& d) : d_(d) { calls_.reserve(most); }
    our_calls(const our_calls&) = delete;

    void start(unsigned how, unsigned until) {
        if (calls_.size() >= most) return;
        const auto n = calls_.size();
        auto& c = calls_.emplace_back();
        c.stream = how & 1;
        c.starts_another = how & 2;
        c.until = at(until);
        const oocrpc::call_deadline when{c.until, {}, oocrpc::deadline_origin::call};
        if (c.stream)
            c.id = d_.start_stream(std::make_shared<receiver>(*this, n), when);
        else
            c.id = d_.start_call([this, n](message m) { told(n, std::move(m)); }, when);
        require(c.id > 0, "an id is positive");
        for (std::size_t i = 0; i < n; ++i)
            require(!calls_[i].waits || calls_[i].id != c.id, "an id is of one call");
        calls_[n].waits = true;
    }
    void sent(unsigned which) {
        auto* c = pick(which);
        if (!c || !c->waits || c->sent) return;
        d_.sent(c->id);
        if (peer_ == peer::extended) return;
        c->sent = true;
        fifo_.push_back(c->id);
    }
    void settle(unsigned which) {
        auto* c = pick(which);
        if (!c || !c->waits || c->stream) return;
        c->waits = false;
        d_.settle(c->id);
    }
    void abandon(unsigned which) {
        auto* c = pick(which);
        if (!c) return;
        const auto n = index(c);
        auto expected = action::none;
        if (waiting(n) && peer_ == peer::extended) expected = action::send;
        if (waiting(n) && peer_ == peer::unknown && c->sent) {
            expected = action::later;
            cancels_.push_back(c->id);
        }
        expect_told(waiting(n) ? n : nobody, kind::error);
        const auto got = d_.abandon(c->id, message::error(c->id, oocrpc::errc::cancelled, ""));
        require(got == expected, "a cancel goes where the peer knows it");
        check_told();
    }
    void reply(unsigned what, unsigned which) {
        constexpr kind kinds[] = {kind::reply, kind::item, kind::error};
        const auto k = kinds[what % 3];
        std::int64_t id = 0;
        if (what & 64)
            id = static_cast<std::int64_t>(which) << (what & 32);
        else if (const auto* c = pick(which); c && !(what & 128))
            id = c->id;
        auto m = k == kind::error ? message::error(id, oocrpc::errc::internal, "")
                                  : message::control(k, id);
        const auto n = receiver_of(id, k);
        expect_told(n, k);
        require(d_.on_reply(m) == (n != nobody), "a reply is taken where somebody waits for it");
        check_told();
    }
    void take_cancels() {
        const auto got = d_.take_remembered_cancels();
        require(got == (peer_ == peer::extended ? cancels_ : std::vector<std::int64_t>()),
                "cancels are remembered until the peer is known");
        if (peer_ == peer::extended) cancels_.clear();
    }
    void check(unsigned now) const {
        std::size_t waiting = 0, dropped = 0;
        auto next = time_point::max();
        std::size_t late = 0;
        for (const auto& c : calls_) {
            require(d_.waiting(c.id) == still(c.id), "who waits is known");
            if (!c.waits) continue;
            ++waiting;
            next = std::min(next, c.until);
            late += c.until <= at(now);
        }
        for (const auto id : fifo_) dropped += !still(id);
        require(d_.waiting() == waiting, "waiters are counted");
        require(d_.outgoing() == waiting + dropped, "places of answers that nobody wants count");
        require(d_.next_deadline() == next, "the first deadline is known");
        require(d_.expired(at(now)).size() == late, "what is late is known");
        require(d_.all_waiting().size() == waiting, "all that wait are known");
        require(d_.peer() == peer_, "the peer is what it has shown");
        require(d_.remembers_cancels() == !cancels_.empty(), "cancels are remembered");
    }
    /// As when a connection ends.
    void end() {
        while (d_.waiting() > 0) // who is told may call again
            for (const auto id : d_.all_waiting())
                d_.abandon(id, message::error(id, oocrpc::errc::unavailable, ""));
        for (const auto& c : calls_)
            require(c.ends <= 1 && !c.waits, "a call is told its end once");
    }

  private:
    struct call {
        std::int64_t id = 0;
        bool stream = false, starts_another = false, waits = false, sent = false;
        time_point until;
        int ends = 0;
    };
    struct receiver final : oocrpc::reply_receiver {
        receiver(our_calls& c, std::size_t n) : calls(c), which(n) {}
        void on_reply(message m) override { calls.told(which, std::move(m)); }
        our_calls& calls;
        std::size_t which;
    };
    static constexpr std::size_t most = 24, nobody = SIZE_MAX;

    call* pick(unsigned which) { return calls_.empty() ? nullptr : &calls_[which % calls_.size()]; }
    std::size_t index(const call* c) const { return static_cast<std::size_t>(c - &calls_[0]); }
    bool waiting(std::size_t n) const { return calls_[n].waits; }
    /// The one call that waits under this id, of all that had it.
    std::size_t waiter(std::int64_t id) const {
        for (std::size_t n = 0; n < calls_.size(); ++n)
            if (calls_[n].waits && calls_[n].id == id) return n;
        return nobody;
    }
    bool still(std::int64_t id) const { return waiter(id) != nobody; }

    /// Who is told, and what the peer is known to be from then on.
    std::size_t receiver_of(std::int64_t id, kind k) {
        if (id == 0) {
            if (peer_ == peer::extended || fifo_.empty()) return nobody;
            peer_ = peer::base;
            cancels_.clear();
            id = fifo_.front();
            if (k != kind::item) fifo_.pop_front();
        } else if (std::ranges::find(fifo_, id) != fifo_.end()) {
            peer_ = peer::extended;
            std::erase(cancels_, id);
            fifo_.clear();
        }
        const auto n = waiter(id);
        return n != nobody && k == kind::item && !calls_[n].stream ? nobody : n;
    }
    void expect_told(std::size_t n, kind k) {
        expected_ = n;
        expected_kind_ = k;
        if (n != nobody && k != kind::item) calls_[n].waits = false;
    }
    void check_told() { require(expected_ == nobody, "who waits is told"); }
    void told(std::size_t n, message m) {
        if (n != expected_) { // at the end, of all that are left
            require(calls_[n].waits && m.kind == kind::error, "nobody else is told");
            calls_[n].waits = false;
        } else {
            require(m.kind == expected_kind_, "the waiter is told what came");
        }
        expected_ = nobody;
        if (m.kind == kind::item) return;
        ++calls_[n].ends;
        if (calls_[n].starts_another) start(0, 7);
    }

    dispatcher& d_;
    std::vector<call> calls_; // never grows beyond what is reserved, so that references stay
    std::deque<std::int64_t> fifo_;
    std::vector<std::int64_t> cancels_;
    peer peer_ = peer::unknown;
    std::size_t expected_ = nobody;
    kind expected_kind_{};
};

/// The peer's calls, which our handlers finish in any order.
class their_calls {
  public:
    explicit their_calls(dispatcher& d) : d_(d) {}

    void begin(unsigned id, bool answered) {
        const bool taken = id != 0 && running_.contains(id);
        const auto key = d_.begin_call(id, nullptr, answered);
        require((key == 0) == taken, "an id that is in use is refused");
        if (key == 0) return;
        require(running_.emplace(key, ++begun_).second, "a key is of one call");
        if (id == 0 && answered) order_.push_back({key, false});
    }
    void finish(unsigned which) {
        if (running_.empty()) return;
        const auto it =
            std::next(running_.begin(), static_cast<std::ptrdiff_t>(which % running_.size()));
        const auto key = it->first;
        running_.erase(it);
        std::vector<std::int64_t> expected, got;
        const auto place = std::ranges::find(order_, key, &place::key);
        if (place == order_.end()) {
            expected.push_back(key);
        } else {
            place->ready = true;
            for (; !order_.empty() && order_.front().ready; order_.pop_front())
                expected.push_back(order_.front().key);
        }
        d_.finish_call(key, message::control(kind::reply, key),
                       [&](message m) { got.push_back(m.id); });
        require(got == expected, "calls without id are answered in order, others at once");
    }
    void check() const {
        require(d_.running() == running_.size(), "running calls are counted");
        require(d_.in_order() == order_.empty(), "the order is known");
        require((d_.stored() != 0) == std::ranges::any_of(order_, &place::ready),
                "stored answers are counted");
        std::size_t n = 0;
        for (const auto& p : order_) n += p.ready;
        require(d_.stored() >= n, "each stored answer counts");
    }
    void end() {
        while (!running_.empty()) finish(0);
        check();
        require(d_.stored() == 0, "nothing is stored in the end");
    }

  private:
    struct place {
        std::int64_t key;
        bool ready;
    };
    dispatcher& d_;
    std::map<std::int64_t, int> running_;
    std::deque<place> order_;
    int begun_ = 0;
};

} // namespace

void dispatcher(oocrpc::bytes data) {
    oocrpc::dispatcher d;
    our_calls ours(d);
    their_calls theirs(d);
    input in(data.first(std::min<std::size_t>(data.size(), 600)));
    while (!in.empty()) {
        const auto operation = in.byte(), what = in.byte(), which = in.byte();
        switch (operation % 8) {
        case 0:
            ours.start(what, which);
            break;
        case 1:
            ours.sent(which);
            break;
        case 2:
            ours.reply(what, which);
            break;
        case 3:
            ours.abandon(which);
            break;
        case 4:
            what % 2 ? ours.settle(which) : ours.take_cancels();
            break;
        case 5:
        case 6:
            theirs.begin(which % 16, what % 4 != 0);
            break;
        case 7:
            theirs.finish(which);
            break;
        }
        ours.check(which);
        theirs.check();
    }
    ours.end();
    theirs.end();
}

} // namespace fuzz
