#include "support/mongodb.hpp"
#include "support/test.hpp"

#include "../lib/mongodb/compression.hpp"

#include <random>

using namespace oocrpc;
using namespace oocrpc::mongodb;
namespace t = oocrpc::test::mongodb;

namespace {

constexpr compressor all[] = {compressor::noop, compressor::snappy, compressor::zlib,
                              compressor::zstd};
constexpr std::size_t limit = 48'000'000;

std::string packed(compressor c, std::string_view plain) {
    byte_buffer out;
    compress(c, t::view(plain), out);
    return t::text(out);
}
/// What comes out, or why nothing does.
std::string unpacked(compressor c, std::string_view data, std::size_t size) {
    const std::vector<std::uint8_t> exact(data.begin(), data.end());
    byte_buffer out;
    const auto why = decompress(c, exact, size, out);
    CHECK(out.size() <= size);
    return why.empty() ? t::text(out) : "refused: " + why;
}
std::string refusal(std::string_view message, std::size_t most = limit) {
    byte_buffer out;
    compressor used{};
    return unpack(t::view(message), most, out, used);
}
std::string compressed(compressor c, std::string_view plain, std::int64_t claimed,
                       std::int32_t operation = 2013) {
    return t::message(2012, t::int32(operation) + t::int32(claimed) + static_cast<char>(c) +
                                packed(c, plain));
}
std::string noise(std::size_t size) {
    std::mt19937 random(3);
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(random()));
    return out;
}

} // namespace

TEST_SUITE("mongodb_compression") {

TEST_CASE("every compressor gives back what it was given") {
    for (const auto c : all)
        for (const auto& plain : {std::string(), std::string("x"), std::string(300'000, 'a'),
                                  noise(1), noise(65'536), noise(200'000)}) {
            CAPTURE(to_string(c));
            CAPTURE(plain.size());
            CHECK(unpacked(c, packed(c, plain), plain.size()) == plain);
        }
}

TEST_CASE("compressors are agreed on by name") {
    CHECK(compressor_from("zlib") == compressor::zlib);
    CHECK(compressor_from("snappy") == compressor::snappy);
    CHECK(compressor_from("zstd") == compressor::zstd);
    CHECK(!compressor_from("noop"));
    CHECK(!compressor_from("none"));
    CHECK(to_string(compressor::zstd) == "zstd");
    CHECK(unpacked(static_cast<compressor>(9), "x", 1) == "refused: unknown compressor 9");
}

TEST_CASE("a stream that holds more than it claims is refused before it grows") {
    const std::string huge(40'000'000, 'a');
    for (const auto c : all) {
        const auto data = packed(c, huge);
        for (const std::size_t claimed : {0, 1, 100, 65'536, 39'999'999}) {
            CAPTURE(to_string(c));
            CAPTURE(claimed);
            byte_buffer out;
            CHECK(decompress(c, t::view(data), claimed, out) != "");
            CHECK(out.size() <= claimed);
            CHECK(out.capacity() <= 2 * claimed + (64 << 10));
        }
    }
}

TEST_CASE("a stream that holds less than it claims is refused, and no memory is taken for it") {
    const std::string small(100, 'a');
    for (const auto c : all) {
        CAPTURE(to_string(c));
        const auto data = packed(c, small);
        for (const std::size_t claimed : {101, 65'536, 47'000'000}) {
            byte_buffer out;
            CHECK(decompress(c, t::view(data), claimed, out) != "");
            CHECK(out.capacity() <= (128 << 10));
        }
    }
    // Snappy says its size itself; one that lies about it gets no more either.
    auto lying = std::string("\xc0\xd5\xb4\x16", 4) + packed(compressor::snappy, small).substr(1);
    byte_buffer out;
    CHECK(decompress(compressor::snappy, t::view(lying), 46'992'064, out) != "");
    CHECK(out.capacity() == 0);
}

TEST_CASE("a zstd frame that wants a large window for little content is refused") {
    // Magic number, no content size, a window of 2^30 bytes, one raw block of a byte.
    const std::string frame("\x28\xb5\x2f\xfd\x00\xa0\x09\x00\x00"
                            "a",
                            10);
    CHECK(unpacked(compressor::zstd, frame, 1) == "refused: the compressed bytes are broken");
    // The same with a window of 1 KiB is fine.
    auto modest = frame;
    modest[5] = 0;
    CHECK(unpacked(compressor::zstd, modest, 1) == "a");
}

TEST_CASE("streams that are cut, changed or followed by more are refused or harmless") {
    const auto plain = noise(300) + std::string(1'000, 'b');
    for (const auto c : all) {
        CAPTURE(to_string(c));
        const auto data = packed(c, plain);
        for (std::size_t n = 0; n < data.size(); ++n)
            CHECK(unpacked(c, data.substr(0, n), plain.size()).starts_with("refused: "));
        CHECK(unpacked(c, data + "x", plain.size()).starts_with("refused: "));
        for (std::size_t i = 0; i < data.size(); ++i) {
            auto other = data;
            other[i] = static_cast<char>(other[i] ^ 0x41);
            unpacked(c, other, plain.size()); // may pass where nothing guards the content
        }
    }
}

TEST_CASE("a message goes into OP_COMPRESSED and comes out as it was") {
    const auto data = t::msg(R"({"add": [2, 3], "$db": "demo"})");
    for (const auto c : all) {
        byte_buffer out;
        out.append("before");
        out.append(data);
        pack(out, 6, c);
        const auto head = read_header(bytes(out).subspan(6));
        CHECK(head.operation == opcode::compressed);
        CHECK(head.request_id == 7);
        CHECK(static_cast<std::size_t>(head.length) == out.size() - 6);
        byte_buffer back;
        compressor used{};
        CHECK(unpack(bytes(out).subspan(6), limit, back, used) == "");
        CHECK(used == c);
        CHECK(t::text(back) == data);
    }
}

TEST_CASE("what OP_COMPRESSED claims is checked before anything is unpacked") {
    CHECK(refusal(compressed(compressor::noop, "abc", 3, 2012)) ==
          "OP_COMPRESSED: holds another one");
    CHECK(refusal(compressed(compressor::noop, "abc", 3, 2003)) ==
          "OP_COMPRESSED: unknown operation 2003");
    CHECK(refusal(compressed(compressor::noop, "abc", -1)).find("-1 is outside") !=
          std::string::npos);
    CHECK(refusal(compressed(compressor::zlib, "abc", INT32_MAX)).find("is outside") !=
          std::string::npos);
    CHECK(refusal(compressed(compressor::zlib, "abc", 985), 1000).find("is outside") !=
          std::string::npos);
    CHECK(refusal(compressed(compressor::noop, "abc", 4)) ==
          "OP_COMPRESSED: noop: there is less than uncompressedSize says");
    CHECK(refusal(compressed(static_cast<compressor>(4), "", 4)) ==
          "OP_COMPRESSED: unknown compressor 4");
}

} // TEST_SUITE("mongodb_compression")
