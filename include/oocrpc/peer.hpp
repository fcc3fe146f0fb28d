#pragma once

#include <oocrpc/caller.hpp>

namespace oocrpc {

/// The other end of one connection, to call: how a service calls its client back.
///
///     demo.on(watch, [](context& c) -> awaitable<void> {
///         oocrpc::peer watcher(c);
///         co_await watcher.call(changed, 7);
///     });
///
/// Keeps the connection's memory, not the connection itself, alive.
class peer : public caller {
  public:
    explicit peer(std::shared_ptr<connection> c);
    explicit peer(const context& c) : peer(c.shared_connection()) {}

    const peer_info& info() const noexcept { return connection_->info(); }

  private:
    std::shared_ptr<connection> connection_;
};

} // namespace oocrpc
