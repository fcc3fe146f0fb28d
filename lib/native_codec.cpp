#include <oocrpc/native_codec.hpp>

#include "bson_validator.hpp"
#include "native_writing.hpp"
#include <oocrpc/detail/endian.hpp>

namespace oocrpc {
namespace {

using bson::type;
using bson::value_view;
using detail::is;

constexpr std::size_t prefix = 4; // the length in front of each body
constexpr std::size_t smallest_body = 5;
// What a call lays around an argument: the frame, `call`, `arguments`. A value that a writer of
// ours permits travels, whatever its place.
constexpr std::size_t frame_depth = 3;

decoded malformed(std::string reason) {
    return {decoded::state::malformed, 0, std::move(reason)};
}

/// Reads one body into a message, and validates it on the way; `reason` says what is wrong with it.
class body_reader {
  public:
    body_reader(bytes body, std::size_t max_depth, std::size_t max_elements, message& m)
        : in_(body, max_depth, max_elements),
          m_(m) {}

    bool read() {
        if (!in_.begin()) return invalid();
        // Keys are found without a search in the order in which all peers that we know write them.
        value_view v;
        if (in_.next("call", v) && !(begin('c') && call(v))) return false;
        if (in_.next("reply", v) && !(begin('r') && result(v))) return false;
        if (in_.next("id", v) && !integer("id", v, 1, m_.id)) return false;
        if (in_.next("timeout_ms", v) && !integer("timeout_ms", v, 0, m_.timeout_ms)) return false;
        if (!rest([&](std::string_view name, value_view value) { return key(name, value); }))
            return false;
        if (main_ != 'c') forget_call_keys();
        switch (main_) {
        case 'c':
            return true;
        case 'r':
            return reply();
        case 'e':
            return error();
        case 'i':
            return info();
        }
        return fail("a frame holds one of call, reply, error and info; found none");
    }
    std::string reason;

  private:
    bool fail(std::string why) {
        reason = std::move(why);
        return false;
    }
    bool invalid() {
        const auto& fault = *in_.found();
        return fail("offset " + std::to_string(fault.offset) + ": " + std::string(fault.what));
    }
    bool wrong(std::string_view key, std::string_view expected, type got) {
        return fail(std::string(key) + ": expected " + std::string(expected) + ", got " +
                    std::string(to_string(got)));
    }
    /// Calls `f(name, value)` for each element of the document that was just handed out.
    template <class F> bool each(F f) {
        in_.enter();
        return rest(f);
    }
    /// The same for those that are left of the document that was entered.
    template <class F> bool rest(F f) {
        if (in_.found()) return invalid();
        bson::element e;
        while (in_.next(e))
            if (!f(e.name, e.value)) return false;
        return !in_.found() || invalid();
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
    /// What says how to call means nothing beside a reply, an error or an info.
    void forget_call_keys() {
        m_.timeout_ms = -1;
        m_.oneway = false;
        m_.credit = 0;
    }
    bool begin(char kind) {
        if (main_)
            return fail("a frame holds one of call, reply, error and info; found more than one");
        main_ = kind;
        return true;
    }
    bool key(std::string_view name, value_view v) {
        if (is(name, "call")) return begin('c') && call(v);
        if (is(name, "id")) return integer(name, v, 1, m_.id);
        if (is(name, "timeout_ms")) return integer(name, v, 0, m_.timeout_ms);
        if (is(name, "reply")) return begin('r') && result(v);
        if (is(name, "error")) return begin('e') && read_error(v);
        if (is(name, "info")) return begin('i') && read_info(v);
        if (is(name, "meta")) return meta(v);
        if (is(name, "oneway")) return flag(name, v, m_.oneway);
        if (is(name, "stream")) return small(name, v, m_.credit);
        if (is(name, "more")) return flag(name, v, more_);
        return true; // a receiver ignores keys that it does not know
    }
    bool meta(value_view v) {
        if (v.t != type::document) return wrong("meta", "document", v.t);
        return each([&](std::string_view name, value_view text) {
            if (text.t != type::string) return wrong("meta." + std::string(name), "string", text.t);
            m_.meta.add(name, text.as_string());
            return true;
        });
    }
    bool call(value_view v) {
        m_.kind = message_kind::call;
        if (v.t != type::document) return wrong("call", "document", v.t);
        bool named = false;
        const auto funcname = [&](value_view value) {
            named = true;
            return text("call.funcname", value, m_.method);
        };
        in_.enter();
        if (in_.next("funcname", v) && !funcname(v)) return false;
        if (in_.next("arguments", v)) m_.body = v;
        const bool read = rest([&](std::string_view name, value_view value) {
            if (is(name, "funcname")) return funcname(value);
            if (is(name, "arguments")) m_.body = value;
            return true;
        });
        return read && (named || fail("call.funcname is missing"));
    }
    bool result(value_view v) {
        result_ = v;
        return true;
    }
    bool reply() {
        m_.kind = more_ ? message_kind::item : message_kind::reply;
        m_.body = result_;
        // How the base protocol says that there is no result.
        if (!m_.id && result_.t == type::string && result_.as_string() == "noreply")
            m_.body = {type::null, {}};
        return true;
    }
    bool read_error(value_view v) {
        m_.kind = message_kind::error;
        if (v.t != type::document) return wrong("error", "document", v.t);
        return each([&](std::string_view name, value_view value) {
            if (is(name, "message")) {
                named_ = true;
                return text("error.message", value, message_);
            }
            if (is(name, "detail")) return text("error.detail", value, detail_);
            if (!is(name, "code")) return true;
            if (!integer("error.code", value, INT32_MIN, code_)) return false;
            return code_ <= INT32_MAX || fail("error.code: exceeds int32");
        });
    }
    bool error() {
        if (!named_) return fail("error.message is missing");
        if (code_ == 0)
            code_ = static_cast<int>(errc_from_string(message_).value_or(errc::application));
        m_.fault.reset(
            new failure{std::string(message_), std::string(detail_), static_cast<int>(code_)});
        return true;
    }
    // A frame may carry an id beside its info, which means nothing: what is said of is set last.
    bool read_info(value_view v) {
        if (v.t != type::document) return true;
        return each([&](std::string_view name, value_view value) {
            if (info_ != message_kind::ignored) return true; // the first that is known counts
            if (is(name, "cancel")) return control(message_kind::cancel, name, value, 1);
            if (is(name, "ping")) return control(message_kind::ping, name, value, INT64_MIN);
            if (is(name, "pong")) return control(message_kind::pong, name, value, INT64_MIN);
            if (is(name, "goaway")) {
                info_ = message_kind::goaway;
                return text("info.goaway", value, m_.method);
            }
            return is(name, "credit") ? credit(value) : true;
        });
    }
    bool control(message_kind kind, std::string_view name, value_view v, std::int64_t least) {
        info_ = kind;
        if (integer(name, v, least, about_)) return true;
        return fail("info." + reason);
    }
    bool credit(value_view v) {
        info_ = message_kind::credit;
        if (v.t != type::document) return wrong("info.credit", "document", v.t);
        const bool read = each([&](std::string_view name, value_view value) {
            if (is(name, "id")) return integer("info.credit.id", value, 1, about_);
            return is(name, "n") ? small("info.credit.n", value, granted_) : true;
        });
        return read && ((about_ && granted_) || fail("info.credit takes id and n"));
    }
    bool info() {
        m_.kind = info_;
        m_.id = about_;
        if (info_ == message_kind::credit) m_.credit = granted_;
        return true;
    }

    bson::validator in_;
    message& m_;
    char main_ = 0;
    bool more_ = false;
    value_view result_{};
    bool named_ = false;
    std::string_view message_, detail_;
    std::int64_t code_ = 0;
    message_kind info_ = message_kind::ignored;
    std::int64_t about_ = 0; // the call or ping that an info is of
    std::int32_t granted_ = 0;
};

} // namespace

decoded native_codec::decode(bytes in, message& out) {
    if (in.size() < prefix) return {decoded::state::incomplete, prefix, {}};
    const auto length = std::size_t{detail::load_be<std::uint32_t>(in.data())};
    if (length < smallest_body)
        return malformed("a frame of " + std::to_string(length) +
                         " bytes is shorter than the smallest document");
    if (length > max_read_)
        return malformed("a frame of " + std::to_string(length) + " bytes exceeds the limit of " +
                         std::to_string(max_read_));
    if (in.size() < prefix + length) return {decoded::state::incomplete, prefix + length, {}};
    body_reader reader(in.subspan(prefix, length), max_depth_ + frame_depth, max_elements_, out);
    if (!reader.read()) return malformed(std::move(reader.reason));
    return {decoded::state::message, prefix + length, {}};
}

encoded native_codec::encode(const message& m, byte_buffer& out) {
    return write_native(m, max_message_, out);
}

} // namespace oocrpc
