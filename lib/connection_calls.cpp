// The calls that we make on a connection.

#include <oocrpc/connection.hpp>

#include <algorithm>

namespace oocrpc {
namespace {

// Places in the order of replies that an unknown peer may be given before it is asked what it is.
constexpr std::size_t many_places = 256;

} // namespace

std::optional<message> connection::refusal(const call_deadline& when, time_point now) const {
    // A handler that is to finish during a drain may have to call its client back.
    if (state_ != state::open && state_ != state::draining)
        return last_reason_ && last_reason_->code() != errc::unavailable
                   ? message::error(0, *last_reason_)
                   : message::error(0, errc::unavailable, "the connection is closed");
    if (when.passed(now)) return message::error(0, errc::deadline_exceeded, when.text());
    if (dispatcher_.outgoing() + held_.size() >= options_.limit.max_outgoing)
        return message::error(0, errc::overloaded,
                              std::to_string(options_.limit.max_outgoing) +
                                  " calls are in flight on the connection");
    if (out_of_memory())
        return message::error(0, errc::overloaded, "the process has no memory left for it");
    return std::nullopt;
}

/// What the call says itself counts first.
void connection::add_metadata(message& call, const call_options& options) const {
    if (!options.meta.empty()) call.meta = options.meta;
    for (const auto& [name, text] : options_.meta)
        if (!call.meta.find(name)) call.meta.add(name, text);
}

void connection::refuse(dispatcher::waiter&& waiter, message why) {
    asio::post(executor_, [waiter = std::move(waiter), why = std::move(why)]() mutable {
        waiter(std::move(why));
    });
}

std::int64_t connection::start_call(message& call, const call_options& options,
                                    const call_deadline* inherited, dispatcher::waiter&& waiter) {
    const auto now = in_batch_ ? batch_time_ : clock_.now();
    const auto when = options.when.resolve(now, inherited ? *inherited : call_deadline{},
                                           options_.default_timeout);
    if (auto why = refusal(when, now)) {
        refuse(std::move(waiter), std::move(*why));
        return 0;
    }
    call.timeout_ms = when.left_ms(now);
    add_metadata(call, options);
    call.id = dispatcher_.start_call(std::move(waiter), when);
    dispatcher_.describe(call.id, call.method, now);
    arm(when.at);
    send_call(call);
    return call.id;
}

std::shared_ptr<message_stream> connection::open(message call, const call_options& options,
                                                 const call_deadline& inherited,
                                                 std::int32_t window) {
    const auto now = clock_.now();
    const auto when = options.when.resolve(now, inherited, options_.default_timeout);
    window = std::max(window, 1);
    auto stream = std::make_shared<message_stream>(weak_from_this(), window);
    if (auto why = refusal(when, now)) {
        stream->on_reply(std::move(*why));
        return stream;
    }
    call.timeout_ms = when.left_ms(now);
    add_metadata(call, options);
    call.credit = window;
    call.oneway = false; // its items are the answer
    call.id = stream->id_ = dispatcher_.start_stream(stream, when);
    dispatcher_.describe(call.id, call.method, now);
    arm(when.at);
    send_call(call);
    return stream;
}

struct connection::expected_call {
    explicit expected_call(std::shared_ptr<connection> c) : on(std::move(c)) { ++on->expected_; }
    ~expected_call() {
        if (!on->list_) return; // nor is there a loop any more
        asio::post(on->executor_, [on = on] {
            --on->expected_;
            on->close_if_idle();
        });
    }
    std::shared_ptr<connection> on;
};

std::shared_ptr<connection> connection::expect_call() {
    auto keep = std::make_shared<expected_call>(shared_from_this());
    return {std::move(keep), this};
}

void connection::send_call(message& call) {
    if (!congested() && held_.empty() && codec_->ready()) return put_call(call);
    call.own();
    held_bytes_ += call.body.data.size();
    held_.push_back(std::move(call));
    account();
}

void connection::put_call(const message& call) {
    switch (put(call)) {
    case encoded::done:
        // A base peer answers one-way calls as well; a protocol that has such calls does not.
        if (!call.oneway || codec_->ids() == reply_ids::unknown) dispatcher_.sent(call.id);
        // Nobody will answer: it is done once it is on its way.
        if (call.oneway) {
            flush(); // leaves before whoever waits for that goes on
            refuse(dispatcher_.settle(call.id), message::reply(call.id, {bson::type::null, {}}));
            // Nor does a peer with ids show itself by such calls, whose places would fill the
            // order.
            if (dispatcher_.outgoing() >= many_places &&
                dispatcher_.peer() == dispatcher::peer_kind::unknown)
                probe();
        }
        return flush();
    case encoded::too_large:
        return fail_call(call.id, errc::message_too_large,
                         "the call exceeds the limit of a message, " +
                             std::to_string(options_.limit.max_message) + " bytes");
    case encoded::unsupported:
        return fail_call(call.id, errc::invalid_argument,
                         info_.protocol + " cannot carry this call");
    case encoded::invalid:
        return fail_call(call.id, errc::invalid_argument,
                         "a text of the call is not UTF-8, or a key holds NUL");
    }
}

void connection::fail_call(std::int64_t id, errc e, std::string detail) {
    // Nothing went out, so no cancel does.
    auto tell = [self = shared_from_this(), id](message why) {
        self->dispatcher_.abandon(id, std::move(why));
        self->close_if_idle();
    };
    refuse(std::move(tell), message::error(id, e, std::move(detail)));
}

void connection::put_held() {
    while (!held_.empty() && !congested() && codec_->ready()) {
        const auto call = std::move(held_.front());
        held_.pop_front();
        held_bytes_ -= call.body.data.size();
        // Whoever gave up while the call waited here costs the peer nothing.
        if (dispatcher_.waiting(call.id)) put_call(call);
    }
}

void connection::on_reply(message& m) {
    // Which deadline passed is known best by the one who set it.
    if (m.kind == message_kind::error && m.id && dispatcher_.waiting(m.id) &&
        m.fault->code == static_cast<int>(errc::deadline_exceeded)) {
        const auto& own = dispatcher_.deadline(m.id);
        if (own.passed(batch_time_)) m.fault->detail = own.text();
    }
    const bool told = dispatcher_.on_reply(m);
    if (!told && m.kind == message_kind::error && m.id == 0)
        peer_error_ = m.fault->message + ": " + m.fault->detail;
    if (!told && !late_cancels_.empty()) std::erase(late_cancels_, m.id); // it has ended by itself
    if (!dispatcher_.remembers_cancels()) return;
    for (auto id : dispatcher_.take_remembered_cancels()) send_cancel(id);
}

void connection::abandon(std::int64_t id, message&& outcome) {
    // The peer has not heard of a call that still waits for room.
    const bool unheard = held_.erase_if([&](auto& call) {
        if (call.id != id) return false;
        held_bytes_ -= call.body.data.size();
        return true;
    }) > 0;
    const auto action = dispatcher_.abandon(id, std::move(outcome));
    if (action == dispatcher::cancel_action::send && !unheard) send_cancel(id);
    if (action == dispatcher::cancel_action::later) probe();
    close_if_idle();
}

/// No more in a second than a peer with our limits permits, however the seconds of the two lie to
/// each other; what is too much for now is told later.
void connection::send_cancel(std::int64_t id) {
    late_cancels_.push_back(id);
    // Work that is older than all that the peer may have running has ended.
    if (late_cancels_.size() > limit().max_in_flight) late_cancels_.erase(late_cancels_.begin());
    send_late_cancels(in_batch_ ? batch_time_ : clock_.now());
    if (!late_cancels_.empty()) arm(own_cancels_.end());
}

void connection::send_late_cancels(time_point now) {
    const auto most = (limit().max_cancels + 1) / 2;
    auto next = late_cancels_.begin();
    for (; next != late_cancels_.end() && own_cancels_.take(now, most); ++next)
        put(message::control(message_kind::cancel, *next));
    if (next == late_cancels_.begin()) return;
    late_cancels_.erase(late_cancels_.begin(), next);
    flush();
}

void connection::probe() {
    // The first call of a connection may be long and be given up: without another one, whose answer
    // shows what the peer is, the cancel would wait for the very answer that nobody wants.
    if (codec_->probe().empty() || state_ != state::open || std::exchange(probed_, true)) return;
    auto call = message::call(codec_->probe());
    call_options options;
    options.when = deadline::none();
    start_call(call, options, nullptr, [](const message&) {});
}

void connection::fail_waiters(const rpc_error& reason) {
    held_.clear();
    held_bytes_ = 0;
    for (auto id : dispatcher_.all_waiting()) dispatcher_.abandon(id, message::error(id, reason));
}

void connection::send_credit(std::int64_t id, std::int32_t n) {
    if (state_ != state::open && state_ != state::draining) return;
    if (dispatcher_.peer() != dispatcher::peer_kind::extended) return;
    auto m = message::control(message_kind::credit, id);
    m.credit = n;
    put(m);
    flush();
}

} // namespace oocrpc
