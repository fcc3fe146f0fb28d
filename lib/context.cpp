#include <oocrpc/context.hpp>

#include "collected.hpp"
#include <oocrpc/connection.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc {

namespace {

/// Bytes that a call holds while it runs.
std::size_t held_by(const message& call) noexcept {
    auto n = call.body.data.size() + call.method.size();
    for (const auto& [name, text] : call.meta)
        n += sizeof(metadata::entry) + name.size() + text.size();
    return n;
}

} // namespace

context::context(connection& c) : connection_(&c), later_(c.get_executor()) {}
context::~context() = default;

void context::begin(connection& on, message& call) {
    connection_ = &on;
    later_.use(on.executor_);
    if (method_ != call.method) method_.assign(call.method); // the last call was often the same
    user_ = on.info_.user;
    by_token_ = false;
    deadline_ = {};
    wire_id_ = call.id;
    key_ = 0;
    size_ = held_by(call);
    meta_ = std::move(call.meta);
    credit_ = call.credit;
    streaming_ = call.credit > 0;
    oneway_ = call.oneway;
    cancelled_ = expired_ = false;
}

void context::tell_end(const message& answer) noexcept {
    for (auto& f : at_end_) try {
            f(answer);
        } catch (...) {
            report_unhandled(std::current_exception());
        }
    at_end_.clear();
}

void context::end() {
    at_end_.clear();
    later_.reset();
    meta_ = {};
    reply_meta_ = {};
    scratch_.clear();
    collected_.reset();
    credit_wait_.reset();
}

void context::end_after(std::chrono::milliseconds span) {
    const auto end = call_deadline::after(span, connection_->clock_.now(), deadline_origin::server);
    deadline_ = earlier(deadline_, end);
    if (!scope_) return; // the connection looks at it when the handler turns out to wait
    scope_->deadline = deadline_;
    connection_->arm(deadline_.at);
}

const peer_info& context::info() const noexcept {
    return connection_->info();
}

void context::act_as(std::string user) {
    user_ = std::move(user);
    by_token_ = true;
}

void context::log_in(std::string user) {
    user_ = user;
    by_token_ = false;
    connection_->log_in(std::move(user));
}

const limits& context::limits() const noexcept {
    return connection_->options_.limit;
}

std::shared_ptr<connection> context::shared_connection() const {
    return connection_->shared_from_this();
}

any_io_executor context::executor() const {
    return connection_->get_executor();
}

void context::open_stream() {
    if (!streaming_ && !collected_) collected_ = std::make_unique<collected>();
}

void context::cancel() {
    connection_->cancel_running(*this);
}

std::int32_t context::take_window() noexcept {
    streaming_ = false;
    return std::exchange(credit_, 0);
}

void context::collect_into(message& reply) {
    if (!collected_ || collected_->taken || reply.kind != message_kind::reply) return;
    collected_->items.finish();
    collected_->taken = true;
    reply.body = {bson::type::array, collected_->data};
}

void context::restart() {
    scratch_.clear();
    collected_.reset();
}

std::shared_ptr<void>& context::session_slot(std::type_index which) {
    for (auto& [type, kept] : connection_->sessions_)
        if (type == which) return kept;
    return connection_->sessions_.emplace_back(which, nullptr).second;
}

awaitable<void> context::send(bson::value_view item) {
    open_stream();
    if (streaming_ && !oneway_) return connection_->send_item(*this, item);
    return connection_->collect_item(*this, item);
}

} // namespace oocrpc
