#include "codec.hpp"

#include <vector>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/mongodb_server_codec.hpp>

#include "../../lib/mongodb/crc32c.hpp"
#include "../../lib/mongodb/wire.hpp"

namespace fuzz {
namespace {

std::size_t length_of(oocrpc::bytes message) {
    return message[0] | message[1] << 8 | message[2] << 16 |
           static_cast<std::size_t>(message[3]) << 24;
}

/// All that is sent are whole messages of their claimed length: nothing else leaves.
void check_sent(oocrpc::bytes out) {
    while (!out.empty()) {
        require(out.size() >= 16 && length_of(out) >= 16 && length_of(out) <= out.size(),
                "what is sent is as long as it says");
        out = out.subspan(length_of(out));
    }
}

/// The same, and where the request's number is even the checksum is right, which no mutation would
/// make it.
std::vector<std::uint8_t> with_checksums(oocrpc::bytes data) {
    namespace mongodb = oocrpc::mongodb;
    constexpr std::size_t least = mongodb::header_size + 8, sum = 4;
    std::vector<std::uint8_t> all(data.begin(), data.end());
    for (auto rest = std::span(all); rest.size() >= least;) {
        const auto head = mongodb::read_header(rest);
        const auto n = length_of(rest);
        if (n < least || n > rest.size()) break;
        if (head.operation == mongodb::opcode::msg && rest[16] & 1 && head.request_id % 2 == 0)
            oocrpc::detail::store_le(&rest[n - sum], mongodb::crc32c(rest.first(n - sum)));
        rest = rest.subspan(n);
    }
    return all;
}

oocrpc::bson::value document(const char* text) {
    oocrpc::byte_buffer out;
    oocrpc::bson::put_document(out, oocrpc::json::parse(text));
    return oocrpc::bson::value({oocrpc::bson::type::document, out});
}

} // namespace

void mongodb_server(oocrpc::bytes data) {
    static const auto result = document(R"({"reply": [1, 2], "ok": 1.0})");
    oocrpc::mongodb_server_codec codec(4096);
    oocrpc::byte_buffer out;
    std::vector<std::int64_t> calls;
    const auto answer = [&](std::int64_t id) {
        auto reply = oocrpc::message::reply(id, result);
        reply.raw = id % 2 == 0;
        if (id % 3 == 0) reply = oocrpc::message::error(id, oocrpc::errc::internal, "no");
        codec.encode(reply, out);
        check_sent(out);
    };
    const auto right = with_checksums(data);
    data = right;
    const auto end = read_all(codec, data, [&](const oocrpc::message& m) {
        if (m.kind != oocrpc::message_kind::call || m.oneway) return;
        require(m.id > 0, "a call has an id");
        if (m.id % 5 == 0)
            calls.push_back(m.id);
        else
            answer(m.id);
    });
    if (end == state::malformed)
        codec.encode(oocrpc::message::error(0, oocrpc::errc::protocol_error, "no"), out);
    for (const auto id : calls) answer(id); // late
    codec.speak(out);
    check_sent(out);
}

} // namespace fuzz
