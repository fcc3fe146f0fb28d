#include <oocrpc/native_codec.hpp>

#include "native_writing.hpp"
#include <oocrpc/detail/endian.hpp>

namespace oocrpc {
namespace {

using bson::type;
using bson::value_view;

constexpr std::size_t prefix = 4; // the length in front of each body
constexpr std::size_t smallest_body = 5;
// What a call lays around an argument: the frame, `call`, `arguments`. A value that a writer of
// ours permits travels, whatever its place.
constexpr std::size_t frame_depth = 3;

// With the length known, comparing is a load or two.
template <std::size_t N> bool is(std::string_view name, const char (&key)[N]) noexcept {
    return name.size() == N - 1 && std::memcmp(name.data(), key, N - 1) == 0;
}

decoded malformed(std::string reason) {
    return {decoded::state::malformed, 0, std::move(reason)};
}

/// Reads the keys of one body into a message; `reason` says what is wrong with it.
class body_reader {
  public:
    explicit body_reader(message& m) : m_(m) {}

    bool read(bytes body) {
        for (const auto& e : bson::elements(body))
            if (!key(e.name, e.value)) return false;
        if (!main_) return fail("a frame holds one of call, reply, error and info; found none");
        if (main_ == 'c') return call();
        if (main_ == 'r') return reply();
        return main_ == 'e' ? error() : info();
    }
    std::string reason;

  private:
    bool fail(std::string why) {
        reason = std::move(why);
        return false;
    }
    bool wrong(std::string_view key, std::string_view expected, type got) {
        return fail(std::string(key) + ": expected " + std::string(expected) + ", got " +
                    std::string(to_string(got)));
    }
    bool integer(std::string_view key, value_view v, std::int64_t least, std::int64_t& out) {
        if (v.t == type::int64)
            out = v.as_int64();
        else if (v.t == type::int32)
            out = v.as_int32();
        else
            return wrong(key, "int64", v.t);
        if (out >= least) return true;
        return fail(std::string(key) + ": " + std::to_string(out) + " is less than " +
                    std::to_string(least));
    }
    bool small(std::string_view key, value_view v, std::int32_t& out) {
        std::int64_t n = 0;
        if (!integer(key, v, 1, n)) return false;
        if (n > INT32_MAX) return fail(std::string(key) + ": exceeds int32");
        out = static_cast<std::int32_t>(n);
        return true;
    }
    bool flag(std::string_view key, value_view v, bool& out) {
        if (v.t != type::boolean) return wrong(key, "bool", v.t);
        out = v.as_bool();
        return true;
    }
    bool text(std::string_view key, value_view v, std::string_view& out) {
        if (v.t != type::string) return wrong(key, "string", v.t);
        out = v.as_string();
        return true;
    }
    bool begin(char kind, value_view v) {
        if (main_)
            return fail("a frame holds one of call, reply, error and info; found more than one");
        main_ = kind;
        content_ = v;
        return true;
    }
    bool key(std::string_view name, value_view v) {
        if (is(name, "call")) return begin('c', v);
        if (is(name, "reply")) return begin('r', v);
        if (is(name, "error")) return begin('e', v);
        if (is(name, "info")) return begin('i', v);
        if (is(name, "id")) return integer(name, v, 1, m_.id);
        if (is(name, "timeout_ms")) return integer(name, v, 0, m_.timeout_ms);
        if (is(name, "meta")) return meta(v);
        if (is(name, "oneway")) return flag(name, v, m_.oneway);
        if (is(name, "stream")) return small(name, v, m_.credit);
        if (is(name, "more")) return flag(name, v, more_);
        return true; // a receiver ignores keys that it does not know
    }
    bool meta(value_view v) {
        if (v.t != type::document) return wrong("meta", "document", v.t);
        for (const auto& e : bson::elements(v.as_document())) {
            if (e.value.t != type::string)
                return wrong("meta." + std::string(e.name), "string", e.value.t);
            m_.meta.add(e.name, e.value.as_string());
        }
        return true;
    }
    bool call() {
        m_.kind = message_kind::call;
        if (content_.t != type::document) return wrong("call", "document", content_.t);
        bool named = false;
        for (const auto& e : bson::elements(content_.as_document())) {
            if (is(e.name, "funcname")) {
                if (!text("call.funcname", e.value, m_.method)) return false;
                named = true;
            } else if (is(e.name, "arguments")) {
                m_.body = e.value;
            }
        }
        return named || fail("call.funcname is missing");
    }
    bool reply() {
        m_.kind = more_ ? message_kind::item : message_kind::reply;
        m_.body = content_;
        m_.credit = 0;
        // How the base protocol says that there is no result.
        if (!m_.id && content_.t == type::string && content_.as_string() == "noreply")
            m_.body = {type::null, {}};
        return true;
    }
    bool error() {
        m_.kind = message_kind::error;
        if (content_.t != type::document) return wrong("error", "document", content_.t);
        std::string_view message, detail;
        std::int64_t code = 0;
        bool named = false;
        for (const auto& e : bson::elements(content_.as_document())) {
            if (is(e.name, "message")) {
                if (!text("error.message", e.value, message)) return false;
                named = true;
            } else if (is(e.name, "detail")) {
                if (!text("error.detail", e.value, detail)) return false;
            } else if (is(e.name, "code")) {
                if (!integer("error.code", e.value, INT32_MIN, code)) return false;
                if (code > INT32_MAX) return fail("error.code: exceeds int32");
            }
        }
        if (!named) return fail("error.message is missing");
        if (code == 0)
            code = static_cast<int>(errc_from_string(message).value_or(errc::application));
        m_.fault.reset(
            new failure{std::string(message), std::string(detail), static_cast<int>(code)});
        return true;
    }
    bool info() {
        m_.kind = message_kind::ignored;
        if (content_.t != type::document) return true;
        for (const auto& e : bson::elements(content_.as_document())) {
            const auto at = "info." + std::string(e.name);
            if (is(e.name, "cancel")) return control(message_kind::cancel, at, e.value, 1);
            if (is(e.name, "ping")) return control(message_kind::ping, at, e.value, INT64_MIN);
            if (is(e.name, "pong")) return control(message_kind::pong, at, e.value, INT64_MIN);
            if (is(e.name, "goaway")) {
                m_.kind = message_kind::goaway;
                return text(at, e.value, m_.method);
            }
            if (is(e.name, "credit")) return credit(e.value);
        }
        return true;
    }
    bool control(message_kind kind, std::string_view at, value_view v, std::int64_t least) {
        m_.kind = kind;
        return integer(at, v, least, m_.id);
    }
    bool credit(value_view v) {
        m_.kind = message_kind::credit;
        if (v.t != type::document) return wrong("info.credit", "document", v.t);
        m_.id = 0;
        for (const auto& e : bson::elements(v.as_document())) {
            if (is(e.name, "id") && !integer("info.credit.id", e.value, 1, m_.id)) return false;
            if (is(e.name, "n") && !small("info.credit.n", e.value, m_.credit)) return false;
        }
        return (m_.id && m_.credit) || fail("info.credit takes id and n");
    }

    message& m_;
    char main_ = 0;
    bool more_ = false;
    value_view content_{};
};

} // namespace

decoded native_codec::decode(bytes in, message& out) {
    if (in.size() < prefix) return {decoded::state::incomplete, prefix, {}};
    const auto length = std::size_t{detail::load_be<std::uint32_t>(in.data())};
    if (length < smallest_body)
        return malformed("a frame of " + std::to_string(length) +
                         " bytes is shorter than the smallest document");
    if (length > max_message_)
        return malformed("a frame of " + std::to_string(length) + " bytes exceeds the limit of " +
                         std::to_string(max_message_));
    if (in.size() < prefix + length) return {decoded::state::incomplete, prefix + length, {}};
    const auto body = in.subspan(prefix, length);
    if (auto fault = bson::validate(body, max_depth_ + frame_depth))
        return malformed("offset " + std::to_string(fault->offset) + ": " +
                         std::string(fault->what));
    body_reader reader(out);
    if (!reader.read(body)) return malformed(std::move(reader.reason));
    return {decoded::state::message, prefix + length, {}};
}

encoded native_codec::encode(const message& m, byte_buffer& out) {
    return write_native(m, max_message_, out);
}

} // namespace oocrpc
