#pragma once

#include <algorithm>

#include <oocrpc/codec.hpp>

namespace oocrpc {

/// oocrpc's own protocol: a 4-byte big-endian length, then one BSON document that holds exactly
/// one of `call`, `reply`, `error` and `info` (PROTOCOL section 1).
class native_codec final : public codec {
  public:
    /// `max_message` is the largest body in bytes, read or written; depth counts documents, and
    /// `max_elements` all elements of a body that is read.
    explicit native_codec(std::size_t max_message = 16u << 20, std::size_t max_depth = 100,
                          std::size_t max_elements = SIZE_MAX)
        : max_message_(max_message),
          max_depth_(max_depth),
          max_elements_(max_elements) {}

    std::string_view protocol() const noexcept override { return "oocrpc"; }
    reply_ids ids() const noexcept override { return reply_ids::unknown; }
    std::string_view probe() const noexcept override { return "oocrpc.ping"; }
    decoded decode(bytes in, message& out) override;
    encoded encode(const message& m, byte_buffer& out) override;
    void take_at_most(std::size_t most) noexcept override {
        max_read_ = std::min(most, max_message_);
    }

  private:
    std::size_t max_message_;
    std::size_t max_read_ = max_message_;
    std::size_t max_depth_;
    std::size_t max_elements_;
};

} // namespace oocrpc
