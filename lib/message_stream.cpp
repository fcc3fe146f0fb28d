#include <oocrpc/message_stream.hpp>

#include <oocrpc/connection.hpp>

namespace oocrpc {

void message_stream::on_reply(message m) {
    if (end_) return;
    m.own();
    if (m.kind != message_kind::item) {
        end_ = std::move(m);
    } else if (m.credit > 0 || --credit_ >= 0) { // credit: part of a batch that was asked for
        items_.push_back(std::move(m));
    } else if (auto c = connection_.lock()) {
        // Whoever sends without credit does not decide how much memory that takes; comes back here.
        return c->abandon(id_, message::error(id_, errc::protocol_error,
                                              "the peer sent more items than it was granted"));
    }
    if (wait_) std::exchange(wait_, std::nullopt)->fire();
}

void message_stream::grant() {
    if (window_ == 0 || ++taken_ * 2 < window_) return;
    request(std::exchange(taken_, 0));
}

void message_stream::request(std::int32_t n) {
    if (end_) return;
    credit_ += n;
    if (auto c = connection_.lock()) c->send_credit(id_, n);
}

awaitable<void> message_stream::arrival() {
    while (!available()) {
        if (!wait_ || wait_->fired()) wait_.emplace(); // fired: by an awaiter that was cancelled
        auto arrived = *wait_;
        co_await arrived.wait();
    }
}

message message_stream::take() {
    if (items_.empty()) return *end_;
    message m = std::move(items_.front());
    items_.pop_front();
    grant();
    return m;
}

awaitable<message> message_stream::next() {
    if (!available()) co_await arrival();
    co_return take();
}

void message_stream::cancel() {
    auto c = connection_.lock();
    if (!c || end_) return;
    asio::dispatch(c->get_executor(), [c, id = id_] {
        c->abandon(id, message::error(id, errc::cancelled, "the caller has enough"));
    });
}

} // namespace oocrpc
