#include <oocrpc/message.hpp>

namespace oocrpc {

message message::call(std::string_view method, bson::value_view arguments) {
    message m;
    m.kind = message_kind::call;
    m.method = method;
    m.body = arguments;
    return m;
}

message message::reply(std::int64_t id, bson::value_view result) {
    message m;
    m.kind = message_kind::reply;
    m.id = id;
    m.body = result;
    return m;
}

message message::error(std::int64_t id, const rpc_error& e) {
    message m;
    m.kind = message_kind::error;
    m.id = id;
    m.fault.reset(new failure{e.message(), e.detail(), e.code().value()});
    return m;
}

message message::error(std::int64_t id, errc e, std::string detail) {
    message m;
    m.kind = message_kind::error;
    m.id = id;
    m.fault.reset(new failure{std::string(to_string(e)), std::move(detail), static_cast<int>(e)});
    return m;
}

message message::control(message_kind kind, std::int64_t id) {
    message m;
    m.kind = kind;
    m.id = id;
    return m;
}

message::message(const message& other)
    : kind(other.kind),
      oneway(other.oneway),
      raw(other.raw),
      credit(other.credit),
      id(other.id),
      timeout_ms(other.timeout_ms),
      method(other.method),
      body(other.body),
      meta(other.meta),
      fault(other.fault ? std::make_unique<failure>(*other.fault) : nullptr) {
    own();
}

void message::own() {
    const std::size_t size = method.size() + body.data.size();
    if (storage_ || size == 0) return;
    storage_.reset(new std::uint8_t[size]);
    if (!body.data.empty()) std::memcpy(storage_.get(), body.data.data(), body.data.size());
    auto* text = storage_.get() + body.data.size();
    if (!method.empty()) std::memcpy(text, method.data(), method.size());
    body.data = {storage_.get(), body.data.size()};
    method = {reinterpret_cast<const char*>(text), method.size()};
}

rpc_error message::to_exception() const {
    return rpc_error(fault->message, fault->detail, fault->code);
}

std::error_code message::to_error_code() const noexcept {
    return fault ? std::error_code(fault->code, category()) : std::error_code();
}

} // namespace oocrpc
