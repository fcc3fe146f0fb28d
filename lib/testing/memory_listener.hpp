#pragma once

#include <deque>

#include "memory_link.hpp"

namespace oocrpc::testing::detail {

/// What a listener shares with its host, and with who waits for a connection.
struct listening {
    any_io_executor executor;
    url at;
    port_sharing sharing;
    std::source_location made;
    std::shared_ptr<host_state> host;
    std::deque<std::unique_ptr<byte_stream>> arrived;
    std::optional<promise<void>> changed;
    bool open = true;

    void offer(std::unique_ptr<byte_stream> connection);
    void close();
    static awaitable<std::unique_ptr<byte_stream>> accept(std::shared_ptr<listening> self);
};

class memory_listener final : public listener {
  public:
    explicit memory_listener(std::shared_ptr<listening> s) : state_(std::move(s)) {}
    ~memory_listener() override { state_->close(); }

    awaitable<std::unique_ptr<byte_stream>> accept() override { return listening::accept(state_); }
    void close() noexcept override { state_->close(); }
    const url& address() const noexcept override { return state_->at; }

  private:
    std::shared_ptr<listening> state_;
};

} // namespace oocrpc::testing::detail
