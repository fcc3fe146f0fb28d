#include "detecting_codec.hpp"

#include <oocrpc/detail/endian.hpp>
#include <oocrpc/mongodb_server_codec.hpp>
#include <oocrpc/native_codec.hpp>

#include "mongodb/wire.hpp"

namespace oocrpc {
namespace {

using namespace mongodb;

std::int32_t load_le(bytes in, std::size_t at) noexcept {
    return detail::load_le<std::int32_t>(in.data() + at);
}

} // namespace

decoded detecting_codec::decode(bytes in, message&) {
    const decoded other{decoded::state::other, 0, {}};
    if (in.size() < 4) return {decoded::state::incomplete, 4, {}};
    const auto native_size = std::size_t{detail::load_be<std::uint32_t>(in.data())};
    const auto mongodb_size = load_le(in, 0);
    const bool native = native_size >= 5 && native_size <= limit_.max_message;
    const bool mongodb = mongodb_size >= static_cast<std::int32_t>(header_size) &&
                         mongodb_size <= static_cast<std::int32_t>(largest_message);
    // Neither: the native protocol has an error for that.
    if (!mongodb) return other;
    if (native && in.size() >= 8 && static_cast<std::size_t>(load_le(in, 4)) == native_size)
        return other;
    if (in.size() < header_size) return {decoded::state::incomplete, header_size, {}};
    if (is_known(read_header(in).operation)) {
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
    if (found_ == protocol_kind::mongodb)
        return std::make_unique<mongodb_server_codec>(limit_.max_message, limit_.max_depth,
                                                      limit_.max_elements);
    return std::make_unique<native_codec>(limit_.max_message, limit_.max_depth,
                                          limit_.max_elements);
}

} // namespace oocrpc
