#pragma once

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

namespace oocrpc {

/// The items of a stream as one array, for a caller that takes no stream.
struct context::collected {
    byte_buffer data;
    bson::array_writer items{data};
    bool taken = false; // they are in a reply

    void add(bson::value_view item, std::size_t limit) {
        // An element takes its bytes, a type, and a name of at most 20 digits.
        if (data.size() + item.data.size() + 22 > limit)
            throw rpc_error(errc::message_too_large, "the items exceed the limit of a message, " +
                                                         std::to_string(limit) +
                                                         " bytes; call it as a stream");
        items.add(item);
    }
};

} // namespace oocrpc
