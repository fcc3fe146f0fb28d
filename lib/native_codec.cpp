#include <oocrpc/native_codec.hpp>

#include <oocrpc/bson_value.hpp>

namespace oocrpc {
namespace {

using bson::type;
using bson::value_view;

constexpr std::size_t prefix = 4; // the length in front of each body
constexpr std::size_t smallest_body = 5;
// What a call lays around an argument: the frame, `call`, `arguments`. A value that a writer of
// ours permits travels, whatever its place.
constexpr std::size_t frame_depth = 3;

std::size_t load_be(const std::uint8_t* p) noexcept {
    return std::size_t{p[0]} << 24 | std::size_t{p[1]} << 16 | std::size_t{p[2]} << 8 | p[3];
}
void store_be(std::uint8_t* p, std::size_t n) noexcept {
    p[0] = static_cast<std::uint8_t>(n >> 24);
    p[1] = static_cast<std::uint8_t>(n >> 16);
    p[2] = static_cast<std::uint8_t>(n >> 8);
    p[3] = static_cast<std::uint8_t>(n);
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
        if (name == "call") return begin('c', v);
        if (name == "reply") return begin('r', v);
        if (name == "error") return begin('e', v);
        if (name == "info") return begin('i', v);
        if (name == "id") return integer(name, v, 1, m_.id);
        if (name == "timeout_ms") return integer(name, v, 0, m_.timeout_ms);
        if (name == "meta") return meta(v);
        if (name == "oneway") return flag(name, v, m_.oneway);
        if (name == "stream") return small(name, v, m_.credit);
        if (name == "more") return flag(name, v, more_);
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
            if (e.name == "funcname") {
                if (!text("call.funcname", e.value, m_.method)) return false;
                named = true;
            } else if (e.name == "arguments") {
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
            if (e.name == "message") {
                if (!text("error.message", e.value, message)) return false;
                named = true;
            } else if (e.name == "detail") {
                if (!text("error.detail", e.value, detail)) return false;
            } else if (e.name == "code") {
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
            if (e.name == "cancel") return control(message_kind::cancel, at, e.value, 1);
            if (e.name == "ping") return control(message_kind::ping, at, e.value, INT64_MIN);
            if (e.name == "pong") return control(message_kind::pong, at, e.value, INT64_MIN);
            if (e.name == "goaway") {
                m_.kind = message_kind::goaway;
                return text(at, e.value, m_.method);
            }
            if (e.name == "credit") return credit(e.value);
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
            if (e.name == "id" && !integer("info.credit.id", e.value, 1, m_.id)) return false;
            if (e.name == "n" && !small("info.credit.n", e.value, m_.credit)) return false;
        }
        return (m_.id && m_.credit) || fail("info.credit takes id and n");
    }

    message& m_;
    char main_ = 0;
    bool more_ = false;
    value_view content_{};
};

void add_meta(bson::document_writer& doc, const metadata& meta) {
    if (meta.empty()) return;
    bson::document_writer inner(doc, "meta");
    for (const auto& [key, value] : meta) inner.add(key, value);
    inner.finish();
}

void write_call(bson::document_writer& doc, const message& m) {
    bson::document_writer call(doc, "call");
    call.add("funcname", m.method);
    if (present(m.body)) call.add("arguments", m.body);
    call.finish();
    if (m.id) doc.add("id", m.id);
    if (m.timeout_ms >= 0) doc.add("timeout_ms", m.timeout_ms);
    if (m.oneway) doc.add("oneway", true);
    if (m.credit > 0) doc.add("stream", m.credit);
    add_meta(doc, m.meta);
}

void write_reply(bson::document_writer& doc, const message& m) {
    const auto result = present(m.body) ? m.body : value_view{type::null, {}};
    if (!m.id && result.t == type::null)
        doc.add("reply", std::string_view("noreply"));
    else
        doc.add("reply", result);
    if (!m.id) return; // a base peer gets the key alone
    doc.add("id", m.id);
    if (m.kind == message_kind::item) doc.add("more", true);
    add_meta(doc, m.meta);
}

void write_error(bson::document_writer& doc, const message& m) {
    bson::document_writer error(doc, "error");
    error.add("message", m.fault->message);
    error.add("detail", m.fault->detail);
    if (m.id) error.add("code", static_cast<std::int32_t>(m.fault->code));
    error.finish();
    if (!m.id) return;
    doc.add("id", m.id);
    add_meta(doc, m.meta);
}

bool write_info(bson::document_writer& doc, const message& m) {
    bson::document_writer info(doc, "info");
    switch (m.kind) {
    case message_kind::cancel:
        info.add("cancel", m.id);
        break;
    case message_kind::ping:
        info.add("ping", m.id);
        break;
    case message_kind::pong:
        info.add("pong", m.id);
        break;
    case message_kind::goaway:
        info.add("goaway", m.method);
        break;
    case message_kind::credit: {
        bson::document_writer credit(info, "credit");
        credit.add("id", m.id);
        credit.add("n", m.credit);
        credit.finish();
        break;
    }
    default:
        return false;
    }
    info.finish();
    return true;
}

/// False where the protocol has no such message.
bool write_body(bson::document_writer& doc, const message& m) {
    switch (m.kind) {
    case message_kind::call:
        write_call(doc, m);
        return true;
    case message_kind::reply:
    case message_kind::item:
        write_reply(doc, m);
        return true;
    case message_kind::error:
        if (!m.fault) return false;
        write_error(doc, m);
        return true;
    default:
        return write_info(doc, m);
    }
}

/// Appends the body, and the frame's length where all went well; otherwise leaves half of it.
encoded write_frame(const message& m, std::size_t limit, byte_buffer& out) {
    const auto start = out.size();
    out.grow(prefix);
    bson::document_writer doc(out);
    if (!write_body(doc, m)) return encoded::unsupported;
    const auto length = doc.finish();
    if (length > limit) return encoded::too_large;
    store_be(out.data() + start, length);
    return encoded::done;
}

} // namespace

decoded native_codec::decode(bytes in, message& out) {
    if (in.size() < prefix) return {decoded::state::incomplete, prefix, {}};
    const auto length = load_be(in.data());
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
    const auto start = out.size();
    auto outcome = encoded::invalid;
    try {
        outcome = write_frame(m, max_message_, out);
    } catch (const rpc_error& e) { // of the BSON writer
        if (e.code() == errc::message_too_large) outcome = encoded::too_large;
    }
    if (outcome != encoded::done) out.truncate(start);
    return outcome;
}

} // namespace oocrpc
