#pragma once

#include "support/run.hpp"
#include "support/site.hpp"
#include "support/spawned.hpp"
#include "support/test.hpp"

#include <oocrpc/oocrpc.hpp>

namespace oocrpc::test {

/// A call that owns what it refers to.
inline message make_call(std::string_view method, const json& arguments = nullptr,
                         metadata meta = {}) {
    byte_buffer body;
    auto call = message::call(method);
    if (!arguments.is_null()) {
        const auto t = bson::put(body, arguments);
        call.body = {t, body};
    }
    call.meta = std::move(meta);
    call.own();
    return call;
}

inline message make_reply(const json& result) {
    byte_buffer body;
    const auto t = bson::put(body, result);
    auto reply = message::reply(0, {t, body});
    reply.own();
    return reply;
}

/// A caller, connected in memory to a handler.
struct line {
    line(asio::io_context& io, handler serve) {
        auto [a, b] = make_stream_pair(io.get_executor(), io.get_executor());
        far = connection::start(std::move(a), std::make_unique<native_codec>(),
                                std::make_shared<const handler>(std::move(serve)));
        near = connection::start(std::move(b), std::make_unique<native_codec>(), nullptr);
    }
    ~line() { hang_up(); }
    line(const line&) = delete;
    void hang_up() { near->close(rpc_error(errc::unavailable, "the caller hangs up")); }

    std::shared_ptr<connection> far, near;
};

} // namespace oocrpc::test
