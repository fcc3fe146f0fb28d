#pragma once

#include <oocrpc/codec.hpp>
#include <oocrpc/limits.hpp>

namespace oocrpc {

/// Stands in for a codec until the first bytes of a connection tell which protocol it speaks.
///
/// PROTOCOL, beginning: in a native frame bytes 0 to 3, big-endian, equal bytes 4 to 7,
/// little-endian; in a MongoDB message bytes 12 to 15 are a known operation. It decides as early as
/// it can, so that a broken native frame of a few bytes is answered as one.
class detecting_codec final : public codec {
  public:
    explicit detecting_codec(const limits& limit) : limit_(limit) {}

    std::string_view protocol() const noexcept override { return {}; }
    std::string_view probe() const noexcept override { return "oocrpc.ping"; }
    decoded decode(bytes in, message& out) override;
    encoded encode(const message&, byte_buffer&) override { return encoded::unsupported; }
    std::unique_ptr<codec> successor() override;

  private:
    enum class protocol_kind { native, mongodb };

    limits limit_;
    protocol_kind found_ = protocol_kind::native;
};

} // namespace oocrpc
