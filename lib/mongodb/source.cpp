#include "source.hpp"

#include <algorithm>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/native_codec.hpp>

namespace oocrpc::mongodb {
namespace {

// What may be on its way to a cursor: that many items, as long as they are no more than so many
// bytes by the largest that was seen. The first one tells.
constexpr std::int64_t most_ahead = 64;
constexpr std::size_t bytes_ahead = 1 << 20;
// An item as large as a message may be still travels within the process.
constexpr std::size_t envelope = 4096;

} // namespace

value_source::value_source(bson::value_view all)
    : all_(all),
      is_array_(all.t == bson::type::array) {
    if (is_array_) at_ = bson::elements(all_.as_document()).begin();
}

bool value_source::more() const noexcept {
    return is_array_ ? at_ != std::default_sentinel : !taken_;
}

void value_source::pop() {
    if (is_array_)
        ++at_;
    else
        taken_ = true;
}

void value_source::own() {
    if (!kept_.data.empty() || !more()) return;
    if (!is_array_) {
        kept_ = bson::value(all_);
        all_ = kept_;
        return;
    }
    // What has been taken is not kept.
    byte_buffer rest;
    bson::array_writer w(rest);
    for (auto left = at_; left != std::default_sentinel; ++left) w.add(left->value);
    w.finish();
    const bson::value_view view{bson::type::array, rest};
    kept_ = bson::value(view);
    all_ = kept_;
    at_ = bson::elements(all_.as_document()).begin();
}

stream_source::stream_source(std::shared_ptr<const handler> serve, const context& c, message call)
    : serve_(std::move(serve)),
      home_(c.executor()),
      meta_(c.meta()),
      call_(std::move(call)) {
    const auto outer = c.shared_connection();
    options_.limit = outer->options().limit;
    options_.max_call_time = outer->options().max_call_time;
    options_.exceptions = outer->options().exceptions;
    options_.memory = outer->options().memory;
    auto who = c.info();
    who.user = c.user();
    options_.on_behalf_of = std::make_shared<const peer_info>(std::move(who));
    call_.own();
}

void stream_source::begin(std::int32_t window) {
    auto ends = make_stream_pair(home_, home_);
    auto words = [&] {
        const auto& l = options_.limit;
        return std::make_unique<native_codec>(l.max_message + envelope, l.max_depth + 8);
    };
    connection::start(std::move(ends.second), words(), std::move(serve_), std::move(options_));
    auto ours = connection::start(std::move(ends.first), words(), nullptr);
    const call_options as{deadline::none(), std::move(meta_)};
    stream_ = ours->open(std::move(call_), as, {}, window);
    stream_->grant_on_request();
    ours_ = ours;
}

std::int64_t stream_source::portion() const noexcept {
    if (largest_ == 0) return 1;
    return std::clamp(static_cast<std::int64_t>(bytes_ahead / largest_), std::int64_t{1},
                      most_ahead);
}

void stream_source::demand(std::int64_t n) {
    n = std::min(n, portion());
    // Half a portion at a time, so that a grant is not sent for each item.
    if (outstanding_ * 2 > n || n <= outstanding_) return;
    const auto more = static_cast<std::int32_t>(n - outstanding_);
    outstanding_ = n;
    if (stream_)
        stream_->request(more);
    else
        begin(more);
}

source::state stream_source::look() {
    if (rest_) return rest_->look();
    if (front_) return state::here;
    if (failure_) return state::failed;
    if (end_) return state::over;
    if (!stream_ || !stream_->available()) return state::pending;
    auto m = stream_->take();
    if (m.kind != message_kind::item) {
        end_with(std::move(m));
        return look();
    }
    largest_ = std::max(largest_, m.body.data.size());
    front_ = std::move(m);
    return state::here;
}

void stream_source::end_with(message m) {
    end_ = std::move(m);
    if (end_->fault)
        failure_ = end_->to_exception();
    else if (end_->body.t == bson::type::array && largest_ == 0)
        rest_ = std::make_unique<value_source>(end_->body);
    stop();
}

bson::value_view stream_source::value() const {
    return rest_ ? rest_->value() : front_->body;
}

void stream_source::pop() {
    if (rest_) return rest_->pop();
    front_.reset();
    --outstanding_;
}

void stream_source::stop() {
    if (auto c = ours_.lock()) c->close(rpc_error(errc::cancelled, "nobody wants the stream"));
}

} // namespace oocrpc::mongodb
