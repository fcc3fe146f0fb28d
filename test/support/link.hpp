#pragma once

#include <oocrpc/native_codec.hpp>
#include <oocrpc/peer.hpp>

namespace oocrpc::test {

/// A connection in memory: a handler at one end, who calls it at the other.
class link {
  public:
    link(const any_io_executor& ex, handler serve) {
        auto [here, there] = make_stream_pair(ex, ex);
        callee_ = start(std::move(there), std::make_shared<const handler>(std::move(serve)));
        caller_ = start(std::move(here), nullptr);
    }
    link(link&&) = delete;
    ~link() { close(); }

    peer db() const { return peer(caller_); }
    /// The caller hangs up.
    void close() {
        const rpc_error why(errc::unavailable, "the caller hung up");
        caller_->close(why);
        callee_->close(why);
    }

  private:
    static std::shared_ptr<connection> start(std::unique_ptr<byte_stream> bytes,
                                             std::shared_ptr<const handler> serve) {
        return connection::start(std::move(bytes), std::make_unique<native_codec>(),
                                 std::move(serve));
    }

    std::shared_ptr<connection> callee_, caller_;
};

} // namespace oocrpc::test
