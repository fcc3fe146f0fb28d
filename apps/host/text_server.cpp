#include "text_server.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <spdlog/spdlog.h>

#include <array>

#include <oocrpc/clock.hpp>
#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/when.hpp>

using namespace std::chrono_literals;
using asio::ip::tcp;
using oocrpc::awaitable;
using oocrpc::use_tuple;

namespace host {
namespace {

// How long a client gets to take what is under way to it before the connection is closed.
constexpr auto linger = 2s;
// Where the process has no descriptors left, trying again at once would only spin.
constexpr auto accept_pause = 100ms;

std::string text_of(const tcp::endpoint& e) {
    const auto host = e.address().to_string();
    return (e.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(e.port());
}

tcp::acceptor listen(const oocrpc::any_io_executor& executor, const oocrpc::host_port& at) {
    try {
        tcp::resolver resolver(executor);
        const auto service = std::to_string(at.port);
        const auto found = resolver.resolve(at.host, service, tcp::resolver::passive);
        return tcp::acceptor(executor, found.begin()->endpoint());
    } catch (const std::system_error& e) {
        const auto where = at.host + ":" + std::to_string(at.port);
        throw oocrpc::rpc_error(oocrpc::errc::unavailable,
                                "cannot listen on " + where + ": " + e.code().message());
    }
}

} // namespace

class text_session {
  public:
    explicit text_session(tcp::socket s) : socket(std::move(s)) {}

    /// Returns when the client has sent its last byte or is gone.
    static awaitable<void> hang_up(std::shared_ptr<text_session> self) {
        std::array<char, 512> ignored;
        for (;;) {
            auto [ec, n] = co_await self->socket.async_read_some(asio::buffer(ignored), use_tuple);
            if (ec) co_return;
        }
    }

    tcp::socket socket;
};

awaitable<void> text_writer::write(std::string text) const {
    const auto to = to_;
    co_await asio::async_write(to->socket, asio::buffer(text), oocrpc::use_awaitable);
}

struct text_server::core : std::enable_shared_from_this<core> {
    core(oocrpc::any_io_executor executor, const oocrpc::host_port& at, text_function f,
         text_options o)
        : acceptor(listen(executor, at)),
          serve(std::move(f)),
          how(o) {}

    static awaitable<void> run(std::shared_ptr<core> self);
    awaitable<void> accept_all(oocrpc::task_group& clients);
    static awaitable<void> serve_one(std::shared_ptr<core> self,
                                     std::shared_ptr<text_session> client);

    tcp::acceptor acceptor;
    text_function serve;
    text_options how;
    std::optional<oocrpc::promise<void>> fewer; // fires when a client has been served
};

awaitable<void> text_server::core::serve_one(std::shared_ptr<core> self,
                                             std::shared_ptr<text_session> client) {
    try {
        auto work = self->serve(text_writer(client));
        auto first = co_await oocrpc::when_first(std::move(work), text_session::hang_up(client));
        if (first.index == 0) {
            first.value.value();
            // Closing while something of the client's is unread would reset the connection and
            // take away what it has not read yet; so its end is awaited.
            std::error_code ignored;
            client->socket.shutdown(tcp::socket::shutdown_send, ignored);
            co_await oocrpc::with_deadline(linger, text_session::hang_up(client));
        }
    } catch (const std::exception& e) {
        spdlog::debug("text client: {}", e.what());
    }
    if (self->fewer) std::exchange(self->fewer, std::nullopt)->fire();
}

awaitable<void> text_server::core::accept_all(oocrpc::task_group& clients) {
    for (;;) {
        if (clients.size() >= how.max_connections) {
            if (!fewer) fewer.emplace();
            auto one_less = *fewer;
            co_await one_less.wait();
            continue;
        }
        auto [ec, socket] = co_await acceptor.async_accept(use_tuple);
        if (ec == asio::error::operation_aborted) throw std::system_error(ec);
        if (ec) {
            spdlog::warn("accepting on {}: {}", text_of(acceptor.local_endpoint()), ec.message());
            co_await oocrpc::sleep_for(accept_pause);
            continue;
        }
        auto client = std::make_shared<text_session>(std::move(socket));
        clients.spawn(serve_one(shared_from_this(), std::move(client)));
    }
}

awaitable<void> text_server::core::run(std::shared_ptr<core> self) {
    const auto executor = self->acceptor.get_executor();
    oocrpc::task_group clients(executor);
    try {
        co_await self->accept_all(clients);
    } catch (const std::exception&) {
        if (!oocrpc::is_cancelled(std::current_exception())) throw;
    }
    // Cancelling means draining, which awaits.
    co_await oocrpc::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    self->acceptor.close();
    oocrpc::timer limit(executor);
    limit.arm(oocrpc::clock::of(executor).after(self->how.drain_timeout),
              [&clients] { clients.cancel(); });
    co_await clients.join();
}

text_server::text_server(oocrpc::any_io_executor executor, oocrpc::host_port at,
                         text_function serve, text_options how)
    : core_(std::make_shared<core>(std::move(executor), at, std::move(serve), how)) {}

std::string text_server::address() const {
    return "text " + text_of(core_->acceptor.local_endpoint());
}

awaitable<void> text_server::run() {
    return core::run(core_);
}

} // namespace host
