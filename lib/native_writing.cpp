#include "native_writing.hpp"

#include "bson_element_writer.hpp"
#include <oocrpc/detail/endian.hpp>

namespace oocrpc {
namespace {

using bson::element_writer;
using bson::type;
using bson::value_view;

constexpr std::size_t prefix = 4; // the length in front of each body
// More than the keys, types and numbers of any frame take, its texts and values aside.
constexpr std::size_t most_overhead = 160;

void write_meta(element_writer& w, const metadata& meta) {
    if (meta.empty()) return;
    auto* inner = w.open("meta");
    w.add_all(meta);
    w.close(inner);
}

void write_call(element_writer& w, const message& m) {
    auto* call = w.open("call");
    w.add("funcname", m.method);
    if (present(m.body)) w.add("arguments", m.body);
    w.close(call);
    if (m.id) w.add("id", m.id);
    if (m.timeout_ms >= 0) w.add("timeout_ms", m.timeout_ms);
    if (m.oneway) w.add_true("oneway");
    if (m.credit > 0) w.add("stream", m.credit);
    write_meta(w, m.meta);
}

void write_reply(element_writer& w, const message& m) {
    const auto result = present(m.body) ? m.body : value_view{type::null, {}};
    if (!m.id && result.t == type::null)
        w.add("reply", std::string_view("noreply"));
    else
        w.add("reply", result);
    if (!m.id) return; // a base peer gets the key alone
    w.add("id", m.id);
    if (m.kind == message_kind::item) w.add_true("more");
    write_meta(w, m.meta);
}

void write_error(element_writer& w, const message& m) {
    auto* error = w.open("error");
    w.add("message", std::string_view(m.fault->message));
    w.add("detail", std::string_view(m.fault->detail));
    if (m.id) w.add("code", static_cast<std::int32_t>(m.fault->code));
    w.close(error);
    if (!m.id) return;
    w.add("id", m.id);
    write_meta(w, m.meta);
}

bool write_info(element_writer& w, const message& m) {
    auto* info = w.open("info");
    switch (m.kind) {
    case message_kind::cancel:
        w.add("cancel", m.id);
        break;
    case message_kind::ping:
        w.add("ping", m.id);
        break;
    case message_kind::pong:
        w.add("pong", m.id);
        break;
    case message_kind::goaway:
        w.add("goaway", m.method);
        break;
    case message_kind::credit: {
        auto* credit = w.open("credit");
        w.add("id", m.id);
        w.add("n", m.credit);
        w.close(credit);
        break;
    }
    default:
        return false;
    }
    w.close(info);
    return true;
}

/// False where the protocol has no such message.
bool write_body(element_writer& w, const message& m) {
    switch (m.kind) {
    case message_kind::call:
        write_call(w, m);
        return true;
    case message_kind::reply:
    case message_kind::item:
        write_reply(w, m);
        return true;
    case message_kind::error:
        if (!m.fault) return false;
        write_error(w, m);
        return true;
    default:
        return write_info(w, m);
    }
}

/// At least what the body takes.
std::size_t room_for(const message& m) noexcept {
    auto n = most_overhead + m.method.size() + m.body.data.size();
    if (m.fault) n += m.fault->message.size() + m.fault->detail.size();
    return n + element_writer::room_for(m.meta);
}

} // namespace

encoded write_native(const message& m, std::size_t limit, byte_buffer& out) {
    if (m.body.data.size() > limit) return encoded::too_large;
    auto* const start = out.prepare(prefix + room_for(m));
    element_writer w(start + prefix);
    auto* const document = w.open();
    if (!write_body(w, m)) return encoded::unsupported;
    const auto length = w.close(document);
    if (!w.valid()) return encoded::invalid;
    if (length > limit || length > INT32_MAX) return encoded::too_large;
    detail::store_be(start, static_cast<std::uint32_t>(length));
    out.commit(prefix + length);
    return encoded::done;
}

} // namespace oocrpc
