#pragma once

#include <oocrpc/caller.hpp>

namespace oocrpc {

/// The other end of one connection, to call: what a handler gets from context::peer(), so that a
/// service can call its client back. Keeps the connection's memory, not the connection, alive.
class peer : public caller {
  public:
    explicit peer(std::shared_ptr<connection> c);

    const peer_info& info() const noexcept { return connection_->info(); }

  private:
    std::shared_ptr<connection> connection_;
};

} // namespace oocrpc
