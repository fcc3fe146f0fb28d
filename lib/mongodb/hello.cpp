// How clients get to know the server: greeting and sessions.

#include <algorithm>
#include <array>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "../random_bits.hpp"
#include "command_call.hpp"
#include "compression.hpp"

namespace oocrpc::mongodb {
namespace {

constexpr std::int32_t session_minutes = 30;

std::int32_t as_int32(std::size_t n) {
    return static_cast<std::int32_t>(std::min<std::size_t>(n, INT32_MAX));
}

/// What both sides know, in the client's order.
void add_compression(const command_call& cmd, bson::document_writer& d) {
    const auto theirs = cmd.find("compression");
    if (!theirs || theirs->t != bson::type::array) return;
    std::vector<std::string_view> both;
    for (const auto& e : bson::elements(theirs->as_document())) {
        if (e.value.t != bson::type::string) continue;
        const auto name = e.value.as_string();
        if (compressor_from(name) && std::ranges::find(both, name) == both.end())
            both.push_back(name);
    }
    if (!both.empty()) d.add("compression", both);
}

void add_limits(const command_call& cmd, bson::document_writer& d) {
    const auto most = cmd.c.limits().max_message;
    d.add("maxBsonObjectSize", as_int32(most));
    d.add("maxMessageSizeBytes", as_int32(largest_message_for(most)));
    d.add("maxWriteBatchSize", as_int32(cmd.of.options.most_documents));
}

template <std::size_t N> std::array<std::uint8_t, N> random_bytes() {
    std::array<std::uint8_t, N> out;
    for (std::size_t i = 0; i < N; i += 8) {
        auto bits = detail::random_bits();
        for (std::size_t k = i; k < std::min(N, i + 8); ++k, bits >>= 8)
            out[k] = static_cast<std::uint8_t>(bits);
    }
    return out;
}

/// A random UUID (RFC 9562, version 4), as a binary value.
void add_uuid(bson::document_writer& d, std::string_view name) {
    constexpr std::uint8_t uuid = 4;
    auto id = random_bytes<16>();
    id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x40);
    id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
    std::array<std::uint8_t, 21> binary{16, 0, 0, 0, uuid};
    std::ranges::copy(id, binary.begin() + 5);
    const bson::value_view view{bson::type::binary, binary};
    d.add(name, view);
}

} // namespace

/// No setName, hosts or topologyVersion: with them drivers look for other servers, or hold sockets
/// open for changes that never come.
maybe_awaitable<message> hello(command_call cmd) {
    return reply_with(cmd.c, [&](bson::document_writer& d) {
        if (cmd.flag("helloOk")) d.add("helloOk", true);
        d.add("ismaster", true);
        d.add("isWritablePrimary", true);
        add_limits(cmd, d);
        d.add("localTime", std::chrono::system_clock::now());
        d.add("logicalSessionTimeoutMinutes", session_minutes);
        d.add("connectionId", cmd.connection().number(*cmd.of.registry));
        d.add("minWireVersion", cmd.of.options.min_wire_version);
        d.add("maxWireVersion", cmd.of.options.max_wire_version);
        d.add("readOnly", false);
        add_compression(cmd, d);
        add_login(cmd, d);
        add_version(d);
    });
}

maybe_awaitable<message> start_session(command_call cmd) {
    return reply_with(cmd.c, [](bson::document_writer& d) {
        bson::document_writer id(d, "id");
        add_uuid(id, "id");
        id.finish();
        d.add("timeoutMinutes", session_minutes);
    });
}

maybe_awaitable<message> no_transactions(command_call) {
    constexpr int illegal_operation = 20;
    throw rpc_error("IllegalOperation", "transactions are not served here", illegal_operation);
}

maybe_awaitable<message> get_nonce(command_call cmd) {
    std::string text;
    for (const auto byte : random_bytes<8>())
        for (const auto half : {byte >> 4, byte & 15}) text.push_back("0123456789abcdef"[half]);
    return reply_with(cmd.c, [&](bson::document_writer& d) { d.add("nonce", text); });
}

maybe_awaitable<message> what_is_my_uri(command_call cmd) {
    return reply_with(cmd.c, [&](bson::document_writer& d) { d.add("you", cmd.c.info().address); });
}

} // namespace oocrpc::mongodb
