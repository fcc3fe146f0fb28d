#include "detecting_codec.hpp"

#include <algorithm>
#include <array>

#include <oocrpc/detail/endian.hpp>
#include <oocrpc/native_codec.hpp>

namespace oocrpc {
namespace {

constexpr std::size_t header = 16; // of a MongoDB message
constexpr std::int32_t largest_mongodb = 48'000'000;
constexpr std::array<std::int32_t, 10> operations{1,    1000, 2001, 2002, 2004,
                                                  2005, 2006, 2007, 2012, 2013};

std::int32_t load_le(bytes in, std::size_t at) noexcept {
    return detail::load_le<std::int32_t>(in.data() + at);
}
std::size_t load_be(bytes in) noexcept {
    return std::size_t{in[0]} << 24 | std::size_t{in[1]} << 16 | std::size_t{in[2]} << 8 | in[3];
}

} // namespace

decoded detecting_codec::decode(bytes in, message&) {
    const decoded other{decoded::state::other, 0, {}};
    if (in.size() < 4) return {decoded::state::incomplete, 4, {}};
    const auto native_size = load_be(in);
    const auto mongodb_size = load_le(in, 0);
    const bool native = native_size >= 5 && native_size <= limit_.max_message;
    const bool mongodb =
        mongodb_size >= static_cast<std::int32_t>(header) && mongodb_size <= largest_mongodb;
    // Neither: the native protocol has an error for that.
    if (!mongodb) return other;
    if (native && in.size() >= 8 && static_cast<std::size_t>(load_le(in, 4)) == native_size)
        return other;
    if (in.size() < header) return {decoded::state::incomplete, header, {}};
    if (std::ranges::find(operations, load_le(in, 12)) != operations.end()) {
        found_ = protocol_kind::mongodb;
        return other;
    }
    if (native) return other;
    return {decoded::state::malformed, 0,
            "the first bytes are neither a native frame nor a MongoDB message (length " +
                std::to_string(mongodb_size) + ", operation " + std::to_string(load_le(in, 12)) +
                ")"};
}

std::unique_ptr<codec> detecting_codec::successor() {
    return std::make_unique<native_codec>(limit_.max_message, limit_.max_depth);
}

} // namespace oocrpc
