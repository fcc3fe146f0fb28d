#include "memory_listener.hpp"

#include <asio/error.hpp>

namespace oocrpc::testing::detail {

void listening::offer(std::unique_ptr<byte_stream> connection) {
    arrived.push_back(std::move(connection));
    if (changed && !changed->fired()) changed->fire();
}

void listening::close() {
    if (!std::exchange(open, false)) return;
    std::erase_if(host->listeners, [this](auto& l) { return l.get() == this; });
    arrived.clear();
    if (changed && !changed->fired()) changed->fire();
}

awaitable<std::unique_ptr<byte_stream>> listening::accept(std::shared_ptr<listening> self) {
    while (self->open && self->arrived.empty()) {
        // One that has fired is that of an earlier connection, or of an awaiter that gave up.
        if (!self->changed || self->changed->fired()) self->changed.emplace();
        auto changed = *self->changed;
        co_await changed.wait();
    }
    if (!self->open) throw std::system_error(asio::error::operation_aborted);
    auto connection = std::move(self->arrived.front());
    self->arrived.pop_front();
    co_return connection;
}

} // namespace oocrpc::testing::detail
