#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "run.hpp"
#include "scripted_peer.hpp"
#include "spawned.hpp"

#include <oocrpc/bson_value.hpp>
#include <oocrpc/connection.hpp>
#include <oocrpc/native_codec.hpp>
#include <oocrpc/peer.hpp>

namespace oocrpc::test {

inline std::unique_ptr<codec> native(const limits& l = {}) {
    return std::make_unique<native_codec>(l.max_message, l.max_depth);
}

/// How a connection ended, and how often that was told.
struct ending {
    int times = 0;
    std::string reason;
};

/// A connection of ours over `s`.
inline std::shared_ptr<connection> attach(std::unique_ptr<byte_stream> s, handler serve = nullptr,
                                          connection_options options = {}, ending* end = nullptr) {
    if (end)
        options.on_closed = [end](connection&, const rpc_error& why) {
            ++end->times;
            end->reason = why.what();
        };
    auto shared = serve ? std::make_shared<const handler>(std::move(serve)) : nullptr;
    auto c = native(options.limit);
    return connection::start(std::move(s), std::move(c), std::move(shared), std::move(options));
}

/// One connection of ours, `mine`, whose other end follows scripts.
struct scripted {
    explicit scripted(const any_io_executor& ex, handler serve = nullptr,
                      connection_options options = {})
        : scripted(make_stream_pair(ex, ex), std::move(serve), std::move(options)) {}

    std::shared_ptr<connection> mine;
    scripted_peer theirs;
    ending end;

  private:
    using pair = std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>;
    scripted(pair p, handler serve, connection_options options) : theirs(std::move(p.second)) {
        mine = attach(std::move(p.first), std::move(serve), std::move(options), &end);
    }
};

/// Two connections of ours, `a` and `b`, one at each end.
struct linked {
    explicit linked(const any_io_executor& ex, handler at_a = nullptr, handler at_b = nullptr,
                    connection_options a_options = {}, connection_options b_options = {}) {
        auto [x, y] = make_stream_pair(ex, ex);
        a = attach(std::move(x), std::move(at_a), std::move(a_options), &a_end);
        b = attach(std::move(y), std::move(at_b), std::move(b_options), &b_end);
    }
    /// Ends both and lets that happen.
    awaitable<void> close() {
        rpc_error why(errc::unavailable, "the case is over");
        a->close(why);
        co_await settle();
    }

    std::shared_ptr<connection> a, b;
    ending a_end, b_end;
};

/// A call under way, for cases that look at it from outside; it may be gone before it is told.
class call_probe {
  public:
    call_probe(const std::shared_ptr<connection>& c, message call, call_options options = {}) {
        call_on(c, std::move(call), std::move(options));
    }
    call_probe(const std::shared_ptr<connection>& c, std::string_view method, deadline when = {}) {
        call_options options{when, {}};
        call_on(c, message::call(method), std::move(options));
    }
    call_probe(const call_probe&) = delete;

    int times() const { return at_->times; }
    bool done() const { return at_->times > 0; }
    std::error_code code() const { return at_->code; }
    const message& answer() const { return at_->answer; }
    /// `reply` as JSON, or the error as text.
    std::string outcome() const {
        if (at_->times != 1) return "told " + std::to_string(at_->times) + " times";
        if (answer().fault) return answer().to_exception().what();
        return bson::to_json(answer().body).dump();
    }
    void cancel() { at_->signal.emit(asio::cancellation_type::terminal); }

  private:
    struct state {
        int times = 0;
        std::error_code code;
        message answer;
        asio::cancellation_signal signal;
    };
    void call_on(const std::shared_ptr<connection>& c, message call, call_options options) {
        auto told = [at = at_](std::error_code ec, message m) {
            ++at->times;
            at->code = ec;
            m.own();
            at->answer = std::move(m);
        };
        c->async_call(std::move(call), std::move(options),
                      asio::bind_cancellation_slot(at_->signal.slot(),
                                                   asio::bind_executor(c->get_executor(), told)));
    }

    std::shared_ptr<state> at_ = std::make_shared<state>();
};

/// Until `condition` holds, at most 1,000 turns of the loop.
inline awaitable<bool> until(std::function<bool()> condition) {
    for (int i = 0; i < 1'000 && !condition(); ++i) co_await asio::post(use_awaitable);
    co_return condition();
}

} // namespace oocrpc::test
