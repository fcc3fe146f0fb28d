#include "compression.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <utility>

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <oocrpc/error.hpp>

namespace oocrpc::mongodb {
namespace {

constexpr std::array<std::pair<compressor, std::string_view>, 4> names{{
    {compressor::noop, "noop"},
    {compressor::snappy, "snappy"},
    {compressor::zlib, "zlib"},
    {compressor::zstd, "zstd"},
}};

constexpr std::size_t step = 64 << 10; // bytes of room that a decompressor is offered at once
constexpr std::size_t compressed_header = 9;

constexpr std::string_view broken = "the compressed bytes are broken";
constexpr std::string_view too_much = "there is more than uncompressedSize says";
constexpr std::string_view too_little = "there is less than uncompressedSize says";
constexpr std::string_view left_over = "bytes are left over behind the compressed ones";

/// Feeds a decompressor that is called with room for bytes until it is at its end.
///
/// `run(at, n)` writes at most n bytes to `at`, sets n to how many, and says how it went. At the
/// claimed size it is offered one byte more, so that its end and an excess can be told apart.
enum class progress { more, end, failed };
template <class Run> std::string pour(std::size_t size, byte_buffer& out, Run run) {
    for (std::size_t made = 0;;) {
        std::uint8_t excess;
        std::size_t n = std::min(step, size - made);
        auto* at = n ? out.prepare(n) : &excess;
        if (n == 0) n = 1;
        const auto how = run(at, n);
        if (how == progress::failed) return std::string(broken);
        if (n && at == &excess) return std::string(too_much);
        out.commit(n);
        made += n;
        if (how == progress::end) return std::string(made < size ? too_little : "");
        if (n == 0) return std::string(made < size ? too_little : broken);
    }
}

std::string from_zlib(bytes packed, std::size_t size, byte_buffer& out) {
    z_stream z{};
    if (inflateInit(&z) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&z, inflateEnd);
    z.next_in = const_cast<Bytef*>(packed.data()); // zlib reads only
    z.avail_in = static_cast<uInt>(packed.size());
    auto why = pour(size, out, [&z](std::uint8_t* at, std::size_t& n) {
        z.next_out = at;
        z.avail_out = static_cast<uInt>(n);
        const auto result = inflate(&z, Z_NO_FLUSH);
        n -= z.avail_out;
        if (result == Z_STREAM_END) return progress::end;
        return result == Z_OK || result == Z_BUF_ERROR ? progress::more : progress::failed;
    });
    if (why.empty() && z.avail_in) why = left_over;
    return why;
}

std::string from_zstd(bytes packed, std::size_t size, byte_buffer& out) {
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> z(ZSTD_createDStream(),
                                                                          ZSTD_freeDStream);
    if (!z) throw std::bad_alloc();
    // A frame names the memory that it wants: grant no more than the content, or what any
    // level of the compressor uses by default.
    constexpr int usual_window = 23;
    const auto window = std::max(usual_window, static_cast<int>(std::bit_width(size)));
    ZSTD_DCtx_setParameter(z.get(), ZSTD_d_windowLogMax, window);
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    auto why = pour(size, out, [&](std::uint8_t* at, std::size_t& n) {
        ZSTD_outBuffer to{at, n, 0};
        const auto result = ZSTD_decompressStream(z.get(), &to, &in);
        n = to.pos;
        if (ZSTD_isError(result)) return progress::failed;
        return result == 0 ? progress::end : progress::more;
    });
    if (why.empty() && in.pos != in.size) why = left_over;
    return why;
}

std::string from_snappy(bytes packed, std::size_t size, byte_buffer& out) {
    const auto* data = reinterpret_cast<const char*>(packed.data());
    std::size_t says = 0;
    if (!snappy::GetUncompressedLength(data, packed.size(), &says)) return std::string(broken);
    if (says != size) return std::string(says > size ? too_much : too_little);
    // Three bytes make 64 at most, so that no more is reserved than what arrived can fill.
    constexpr std::size_t most_growth = 22;
    if (size / most_growth > packed.size()) return std::string(too_little);
    auto* at = reinterpret_cast<char*>(out.prepare(size));
    if (!snappy::RawUncompress(data, packed.size(), at)) return std::string(broken);
    out.commit(size);
    return {};
}

std::string from_noop(bytes packed, std::size_t size, byte_buffer& out) {
    if (packed.size() != size) return std::string(packed.size() > size ? too_much : too_little);
    out.append(packed);
    return {};
}

void to_zlib(bytes plain, byte_buffer& out) {
    auto n = compressBound(static_cast<uLong>(plain.size()));
    auto* at = out.prepare(n);
    if (compress2(at, &n, plain.data(), static_cast<uLong>(plain.size()), Z_DEFAULT_COMPRESSION) !=
        Z_OK)
        throw std::bad_alloc();
    out.commit(n);
}

void to_zstd(bytes plain, byte_buffer& out) {
    const auto room = ZSTD_compressBound(plain.size());
    auto* at = out.prepare(room);
    const auto n = ZSTD_compress(at, room, plain.data(), plain.size(), ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(n)) throw std::bad_alloc();
    out.commit(n);
}

void to_snappy(bytes plain, byte_buffer& out) {
    auto n = snappy::MaxCompressedLength(plain.size());
    auto* at = reinterpret_cast<char*>(out.prepare(n));
    snappy::RawCompress(reinterpret_cast<const char*>(plain.data()), plain.size(), at, &n);
    out.commit(n);
}

} // namespace

std::string_view to_string(compressor c) noexcept {
    for (const auto& [known, name] : names)
        if (known == c) return name;
    return {};
}

std::optional<compressor> compressor_from(std::string_view name) noexcept {
    for (const auto& [c, known] : names)
        if (known == name && c != compressor::noop) return c;
    return std::nullopt;
}

std::string decompress(compressor c, bytes packed, std::size_t size, byte_buffer& out) {
    switch (c) {
    case compressor::noop:
        return from_noop(packed, size, out);
    case compressor::snappy:
        return from_snappy(packed, size, out);
    case compressor::zlib:
        return from_zlib(packed, size, out);
    case compressor::zstd:
        return from_zstd(packed, size, out);
    }
    return "unknown compressor " + std::to_string(static_cast<int>(c));
}

void compress(compressor c, bytes plain, byte_buffer& out) {
    switch (c) {
    case compressor::noop:
        return out.append(plain);
    case compressor::snappy:
        return to_snappy(plain, out);
    case compressor::zlib:
        return to_zlib(plain, out);
    case compressor::zstd:
        return to_zstd(plain, out);
    }
}

std::string unpack(bytes message, std::size_t limit, byte_buffer& out, compressor& used) {
    op_compressed m;
    if (auto why = parse(message, m); !why.empty()) return why;
    const std::string where = "OP_COMPRESSED: ";
    if (m.operation == opcode::compressed) return where + "holds another one";
    if (!is_known(m.operation))
        return where + "unknown operation " + std::to_string(static_cast<int>(m.operation));
    const auto size = static_cast<std::size_t>(m.size);
    if (m.size < 0 || size > limit - header_size)
        return where + "an uncompressedSize of " + std::to_string(m.size) +
               " is outside of the limit of a message, " + std::to_string(limit) + " bytes";
    used = static_cast<compressor>(m.compressor);
    const auto head = read_header(message);
    out.clear();
    const auto start = begin_message(out, m.operation, head.request_id, head.response_to);
    if (auto why = decompress(used, m.data, size, out); !why.empty())
        return where + (to_string(used).empty() ? "" : std::string(to_string(used)) + ": ") + why;
    end_message(out, start);
    return {};
}

void pack(byte_buffer& out, std::size_t start, compressor c) {
    const auto message = bytes(out).subspan(start);
    const auto plain = message.subspan(header_size);
    const auto operation = read_header(message).operation;
    byte_buffer packed;
    compress(c, plain, packed);
    std::uint8_t head[compressed_header];
    detail::store_le(head, static_cast<std::int32_t>(operation));
    detail::store_le(head + 4, static_cast<std::int32_t>(plain.size()));
    head[8] = static_cast<std::uint8_t>(c);
    out.truncate(start + header_size);
    detail::store_le(out.data() + start + 12, static_cast<std::int32_t>(opcode::compressed));
    out.append(head, sizeof head);
    out.append(packed);
    end_message(out, start);
}

} // namespace oocrpc::mongodb
