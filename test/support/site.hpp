#pragma once

#include "temporary.hpp"

#include <memory>
#include <string>
#include <utility>

#include <oocrpc/clock.hpp>
#include <oocrpc/server.hpp>

namespace oocrpc::test {

/// A server on a Unix socket, where nothing needs time: what is written is there.
class site {
    temporary_path socket_; // before the url, which is made of it

  public:
    site(asio::io_context& io, handler serve) : url(socket_.url()), server_(io.get_executor()) {
        server_.listen(url);
        asio::co_spawn(io, server_.run(std::move(serve)),
                       [done = done_](std::exception_ptr) { *done = true; });
    }
    awaitable<void> stop() {
        server_.drain();
        while (!*done_) co_await sleep_for(std::chrono::milliseconds(1));
    }
    std::size_t connections() const { return server_.connections(); }

    const std::string url;

  private:
    server server_;
    std::shared_ptr<bool> done_ = std::make_shared<bool>(false); // a failed case drops the rest
};

} // namespace oocrpc::test
