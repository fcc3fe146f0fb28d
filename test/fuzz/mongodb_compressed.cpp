// OP_COMPRESSED, with all right that would keep random bytes from the decompressors: header, length
// and checksum. First come the compressor, what is done, and the size that is claimed.

#include "input.hpp"

#include <vector>

#include <zlib.h>

#include "../../lib/mongodb/compression.hpp"

namespace fuzz {
namespace {

namespace mongodb = oocrpc::mongodb;
using mongodb::compressor;
using oocrpc::byte_buffer;

constexpr std::size_t limit = 96 << 10; // more than a decompressor is offered at once

/// A whole message around `packed`, which says that it holds `size` bytes.
byte_buffer message_of(std::uint8_t how, std::uint32_t size, oocrpc::bytes packed) {
    byte_buffer out;
    const auto start = mongodb::begin_message(out, mongodb::opcode::compressed, 7, 8);
    std::uint8_t head[9];
    oocrpc::detail::store_le(head, static_cast<std::int32_t>(mongodb::opcode::msg));
    oocrpc::detail::store_le(head + 4, size);
    head[8] = how;
    out.append(head, sizeof head);
    out.append(packed);
    mongodb::end_message(out, start);
    return out;
}

std::uint32_t claimed(oocrpc::bytes message) {
    return oocrpc::detail::load_le<std::uint32_t>(message.data() + 20);
}

/// Memory in which somebody else left `fill`.
byte_buffer used_before(std::uint8_t fill, std::size_t size) {
    byte_buffer out;
    std::fill_n(out.grow(size), size, fill);
    return out;
}

/// What comes out is what the decompressor made, whatever the memory held before.
std::string unpack(oocrpc::bytes message, byte_buffer& out) {
    const auto size = std::min<std::size_t>(claimed(message), limit);
    out = used_before(0xaa, size);
    auto other = used_before(0x55, size);
    compressor used{}, again{};
    auto why = mongodb::unpack(message, limit, out, used);
    require(why == mongodb::unpack(message, limit, other, again), "twice is the same");
    if (!why.empty()) return why;
    require(std::ranges::equal(oocrpc::bytes(out), oocrpc::bytes(other)),
            "what comes out is all of this message");
    const auto head = mongodb::read_header(out);
    require(out.size() <= limit && static_cast<std::size_t>(head.length) == out.size(),
            "it is as long as it says, and within the limit");
    require(head.operation == mongodb::opcode::msg && head.request_id == 7 && head.response_to == 8,
            "the header is that of the message");
    require(out.size() == mongodb::header_size + claimed(message), "there is what was claimed");
    return why;
}

/// `deflated` as zlib wants it, with the checksum of what it holds.
std::vector<std::uint8_t> zlib_stream(oocrpc::bytes deflated) {
    static std::vector<std::uint8_t> plain(limit);
    z_stream z{};
    require(inflateInit2(&z, -15) == Z_OK, "zlib works");
    z.next_in = const_cast<Bytef*>(deflated.data());
    z.avail_in = static_cast<uInt>(deflated.size());
    z.next_out = plain.data();
    z.avail_out = limit;
    inflate(&z, Z_FINISH);
    const auto end = deflated.size() - z.avail_in;
    const auto sum = adler32(1, plain.data(), static_cast<uInt>(z.total_out));
    inflateEnd(&z);
    std::vector<std::uint8_t> all{0x78, 0x9c};
    all.insert(all.end(), deflated.begin(), deflated.begin() + static_cast<std::ptrdiff_t>(end));
    for (int i = 3; i >= 0; --i) all.push_back(static_cast<std::uint8_t>(sum >> 8 * i));
    all.insert(all.end(), deflated.begin() + static_cast<std::ptrdiff_t>(end), deflated.end());
    return all;
}

/// The bytes with what every stream of that compressor begins and ends with.
std::vector<std::uint8_t> stream_of(compressor c, std::uint32_t size, oocrpc::bytes data) {
    if (c == compressor::zlib) return zlib_stream(data);
    std::vector<std::uint8_t> all;
    if (c == compressor::zstd) all = {0x28, 0xb5, 0x2f, 0xfd};
    if (c == compressor::snappy) {
        for (; size >= 0x80; size >>= 7) all.push_back(static_cast<std::uint8_t>(size | 0x80));
        all.push_back(static_cast<std::uint8_t>(size));
    }
    all.insert(all.end(), data.begin(), data.end());
    return all;
}

/// Packs `plain`, and unpacks that, as it is and with a few bytes changed.
void there_and_back(compressor c, input& in) {
    const auto changes = in.byte() % 4;
    std::pair<unsigned, std::uint8_t> change[3];
    for (int i = 0; i < changes; ++i) change[i] = {in.number(), in.byte()};
    const auto plain = in.take(limit - 100);
    byte_buffer packed, out;
    mongodb::compress(c, plain, packed);
    const auto size = static_cast<std::uint32_t>(plain.size());
    auto message = message_of(static_cast<std::uint8_t>(c), size, packed);
    require(unpack(message, out).empty(), "what was packed is unpacked");
    require(std::ranges::equal(oocrpc::bytes(out).subspan(mongodb::header_size), plain),
            "and is the same");
    for (int i = 0; i < changes; ++i) {
        const auto room = message.size() - 20;
        message.data()[20 + change[i].first % room] ^= change[i].second;
    }
    unpack(message, out);
}

} // namespace

void mongodb_compressed(oocrpc::bytes data) {
    input in(data);
    const auto how = in.byte();
    const auto what = in.byte();
    const auto c = static_cast<compressor>(how % 4);
    if (what == 0) return there_and_back(c, in);
    auto size = static_cast<std::uint32_t>(in.number());
    if (what == 1) size = size << 16 | in.number();
    byte_buffer out;
    if (what == 2)
        unpack(message_of(how, size, in.rest()), out);
    else
        unpack(message_of(how % 4, size, stream_of(c, size, in.rest())), out);
}

} // namespace fuzz
