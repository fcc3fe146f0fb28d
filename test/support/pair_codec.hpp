#pragma once

#include <oocrpc/bson_value.hpp>
#include <oocrpc/codec.hpp>
#include <oocrpc/detail/endian.hpp>

namespace oocrpc::test {

/// A third protocol in one file: two BSON documents back to back, a header and a body.
///
///     {operation: "call" | "notify", method: <string>}             {value: <arguments>} or {}
///     {operation: "reply"}                                         {value: <result>}
///     {operation: "error", message: <string>, detail: <string>}    {}
///
/// It knows no ids, so replies come in the order of the calls, and no cancel, stream or metadata.
class pair_codec final : public codec {
  public:
    explicit pair_codec(const limits& limit) : limit_(limit) {}

    std::string_view protocol() const noexcept override { return "pair"; }
    reply_ids ids() const noexcept override { return reply_ids::never; }

    decoded decode(bytes in, message& out) override {
        const auto header = document(in, 0);
        if (header.what != decoded::state::message) return header;
        const auto body = document(in, header.size);
        if (body.what != decoded::state::message) return body;
        const auto size = header.size + body.size;
        if (auto why = read(in.first(header.size), in.subspan(header.size, body.size), out);
            !why.empty())
            return {decoded::state::malformed, 0, why};
        return {decoded::state::message, size, {}};
    }

    encoded encode(const message& m, byte_buffer& out) override {
        const auto start = out.size();
        auto outcome = encoded::invalid;
        try {
            outcome = write(m, out);
        } catch (const rpc_error&) { // a text that is not UTF-8
        }
        if (outcome == encoded::done && out.size() - start > limit_.max_message)
            outcome = encoded::too_large;
        if (outcome != encoded::done) out.truncate(start);
        return outcome;
    }

  private:
    /// The document that begins at `at`: whether it is there, and its size.
    decoded document(bytes in, std::size_t at) const {
        if (in.size() < at + 4) return {decoded::state::incomplete, at + 4, {}};
        const auto size = detail::load_le<std::int32_t>(in.data() + at);
        if (size < 5 || static_cast<std::size_t>(size) > limit_.max_message)
            return {decoded::state::malformed, 0,
                    "a document of " + std::to_string(size) + " bytes"};
        const auto n = static_cast<std::size_t>(size);
        if (in.size() < at + n) return {decoded::state::incomplete, at + n, {}};
        if (const auto fault = bson::validate(in.subspan(at, n), limit_.max_depth + 1))
            return {decoded::state::malformed, 0, std::string(fault->what)};
        return {decoded::state::message, n, {}};
    }

    static std::string_view text(bytes document, std::string_view key) {
        const auto v = bson::find(document, key);
        return v && v->t == bson::type::string ? v->as_string() : std::string_view();
    }

    /// What is wrong; empty where nothing is.
    static std::string read(bytes header, bytes body, message& out) {
        const auto operation = text(header, "operation");
        out.body = bson::find(body, "value").value_or(absent);
        if (operation == "call" || operation == "notify") {
            out.kind = message_kind::call;
            out.method = text(header, "method");
            out.oneway = operation == "notify";
            return out.method.empty() ? "a call without a method" : "";
        }
        if (operation == "reply") {
            out.kind = message_kind::reply;
            return {};
        }
        if (operation != "error") return "unknown operation '" + std::string(operation) + "'";
        const auto name = text(header, "message");
        out = message::error(
            0, rpc_error(std::string(name), std::string(text(header, "detail")),
                         static_cast<int>(errc_from_string(name).value_or(errc::application))));
        return {};
    }

    static encoded write(const message& m, byte_buffer& out) {
        bson::document_writer header(out);
        switch (m.kind) {
        case message_kind::call:
            header.add("operation", m.oneway ? "notify" : "call");
            header.add("method", m.method);
            break;
        case message_kind::reply:
            header.add("operation", "reply");
            break;
        case message_kind::error:
            header.add("operation", "error");
            header.add("message", m.fault->message);
            header.add("detail", m.fault->detail);
            break;
        default:
            return encoded::unsupported;
        }
        header.finish();
        bson::document_writer body(out);
        if (present(m.body) && !m.fault) body.add("value", m.body);
        body.finish();
        return encoded::done;
    }

    limits limit_;
};

} // namespace oocrpc::test
