#include "native_writing.hpp"

#include <oocrpc/detail/endian.hpp>

namespace oocrpc {
namespace {

using bson::type;
using bson::value_view;
using detail::store_le;

constexpr std::size_t prefix = 4; // the length in front of each body
// More than the keys, types and numbers of any frame take, its texts and values aside.
constexpr std::size_t most_overhead = 160;
constexpr std::size_t entry_overhead = 7; // of an entry of the metadata

/// Writes elements where there is room for them; the keys are the protocol's and need no check.
class element_writer {
  public:
    explicit element_writer(std::uint8_t* at) noexcept : at_(at) {}

    std::uint8_t* open() noexcept {
        auto* document = at_;
        at_ += 4;
        return document;
    }
    template <std::size_t N> std::uint8_t* open(const char (&key)[N]) noexcept {
        name(type::document, key);
        return open();
    }
    std::size_t close(std::uint8_t* document) noexcept {
        *at_++ = 0;
        const auto length = static_cast<std::size_t>(at_ - document);
        store_le(document, static_cast<std::uint32_t>(length));
        return length;
    }

    template <std::size_t N> void add(const char (&key)[N], std::int32_t n) noexcept {
        name(type::int32, key);
        store_le(at_, n);
        at_ += sizeof n;
    }
    template <std::size_t N> void add(const char (&key)[N], std::int64_t n) noexcept {
        name(type::int64, key);
        store_le(at_, n);
        at_ += sizeof n;
    }
    template <std::size_t N> void add_true(const char (&key)[N]) noexcept {
        name(type::boolean, key);
        *at_++ = 1;
    }
    template <std::size_t N> void add(const char (&key)[N], value_view v) noexcept {
        name(v.t, key);
        copy(v.data.data(), v.data.size());
    }
    template <std::size_t N> void add(const char (&key)[N], std::string_view text) noexcept {
        name(type::string, key);
        add_text(text);
    }
    void add(std::string_view key, std::string_view text) noexcept {
        *at_++ = static_cast<std::uint8_t>(type::string);
        valid_ &= bson::is_utf8(key) && key.find('\0') == key.npos;
        copy(key.data(), key.size());
        *at_++ = 0;
        add_text(text);
    }

    /// False where a text is not UTF-8 or a key holds NUL.
    bool valid() const noexcept { return valid_; }

  private:
    template <std::size_t N> void name(type t, const char (&key)[N]) noexcept {
        *at_++ = static_cast<std::uint8_t>(t);
        std::memcpy(at_, key, N);
        at_ += N;
    }
    void add_text(std::string_view text) noexcept {
        valid_ &= bson::is_utf8(text);
        store_le(at_, static_cast<std::uint32_t>(text.size() + 1));
        at_ += 4;
        copy(text.data(), text.size());
        *at_++ = 0;
    }
    void copy(const void* from, std::size_t n) noexcept {
        if (n) std::memcpy(at_, from, n);
        at_ += n;
    }

    std::uint8_t* at_;
    bool valid_ = true;
};

void write_meta(element_writer& w, const metadata& meta) {
    if (meta.empty()) return;
    auto* inner = w.open("meta");
    for (const auto& [key, text] : meta) w.add(std::string_view(key), std::string_view(text));
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
    for (const auto& [key, text] : m.meta) n += entry_overhead + key.size() + text.size();
    return n;
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
