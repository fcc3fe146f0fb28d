#include <oocrpc/server.hpp>

#include <unordered_map>

#include "protocols.hpp"
#include <oocrpc/clock.hpp>
#include <oocrpc/deadline.hpp>
#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>

namespace oocrpc {
namespace {

// Where the process has no descriptors left, trying again at once would only spin.
constexpr std::chrono::milliseconds accept_pause{100};

} // namespace

namespace detail {

/// What a server's coroutines and connections share.
class server_core : public std::enable_shared_from_this<server_core> {
  public:
    server_core(any_io_executor executor, server_options options)
        : executor_(std::move(executor)),
          options_(std::move(options)),
          handshakes_(executor_) {
        if (!options_.registry) options_.registry = std::make_shared<call_registry>();
    }

    url listen(const url& at, const std::source_location& made) {
        if (at.tls && !options_.tls)
            throw rpc_error(errc::invalid_argument, at.to_string() + ": TLS needs a certificate");
        listeners_.push_back(listener::open(executor_, at, options_.sharing, made));
        return listeners_.back()->address();
    }

    static awaitable<void> run(std::shared_ptr<server_core> self, handler serve);

    void drain() {
        if (!stop_.fired()) stop_.fire();
    }

    void abandon() {
        abandoned_ = true;
        drain();
        for (auto& l : listeners_) l->close();
        close_all("the server is gone");
        options_.registry->leave(executor_);
    }

    std::vector<url> addresses() const {
        std::vector<url> all;
        for (auto& l : listeners_) all.push_back(l->address());
        return all;
    }
    std::size_t connections() const noexcept { return connections_.size(); }

  private:
    static awaitable<void> accept_all(std::shared_ptr<server_core> self, listener& from);
    static awaitable<void> encrypt(std::shared_ptr<server_core> self,
                                   std::unique_ptr<byte_stream> bytes, url at);
    void admit(std::unique_ptr<byte_stream> bytes, const url& at);
    bool full() const noexcept {
        return connections_.size() + shaking_ >= options_.max_connections;
    }
    void tell_fewer() {
        if (fewer_) std::exchange(fewer_, std::nullopt)->fire();
    }
    void gone(connection& c, const rpc_error& why);
    awaitable<void> drain_all();
    void close_all(const char* why) {
        handshakes_.cancel();
        const auto all = connections_; // closing one may take it out
        for (auto& [raw, c] : all) c->close(rpc_error(errc::unavailable, why));
    }

    any_io_executor executor_;
    server_options options_;
    std::shared_ptr<const handler> serve_;
    std::vector<std::unique_ptr<listener>> listeners_;
    std::unordered_map<connection*, std::shared_ptr<connection>> connections_;
    promise<void> stop_;
    std::optional<promise<void>> fewer_; // fires when a connection ends
    std::size_t accepting_ = 0;
    task_group handshakes_;
    std::size_t shaking_ = 0; // connections of these
    bool abandoned_ = false;  // what the handler uses may be gone
};

void server_core::admit(std::unique_ptr<byte_stream> bytes, const url& at) {
    connection_options options;
    options.limit = options_.limit;
    options.max_call_time = options_.max_call_time;
    options.exceptions = options_.exceptions;
    options.on_closed = [weak = weak_from_this()](connection& c, const rpc_error& why) {
        if (auto self = weak.lock()) self->gone(c, why);
    };
    auto codec = options_.codecs ? options_.codecs(options_.limit)
                                 : protocols::server_codec(at, options_.limit);
    auto c = connection::start(std::move(bytes), std::move(codec), serve_, std::move(options));
    if (options_.on_connected) options_.on_connected(c->info());
    connections_.emplace(c.get(), c);
    if (stop_.fired()) c->drain();
}

void server_core::gone(connection& c, const rpc_error& why) {
    connections_.erase(&c);
    if (options_.on_disconnected) options_.on_disconnected(c.info(), why);
    tell_fewer();
}

/// Shakes hands with a peer, and serves it, while others are accepted.
awaitable<void> server_core::encrypt(std::shared_ptr<server_core> self,
                                     std::unique_ptr<byte_stream> bytes, url at) {
    peer_info who;
    who.address = bytes->peer_address();
    const auto within = self->options_.limit.handshake_timeout;
    std::optional<rpc_error> why;
    ++self->shaking_;
    try {
        auto handshake = self->options_.tls->accept(std::move(bytes));
        bytes = co_await with_deadline(within, std::move(handshake));
    } catch (const rpc_error& e) {
        why = e;
    } catch (const std::exception& e) {
        why.emplace(errc::unavailable, e.what());
    }
    --self->shaking_;
    if (self->abandoned_) co_return;
    if (!why) co_return self->admit(std::move(bytes), at);
    if (why->code() == errc::deadline_exceeded)
        why.emplace(errc::unavailable,
                    "TLS: no handshake within " + std::to_string(within.count()) + " ms");
    if (self->options_.on_handshake_failed) self->options_.on_handshake_failed(who, *why);
    self->tell_fewer();
}

awaitable<void> server_core::accept_all(std::shared_ptr<server_core> self, listener& from) {
    while (!self->stop_.fired()) {
        if (self->full()) {
            if (!self->fewer_) self->fewer_.emplace();
            auto fewer = *self->fewer_;
            co_await fewer.wait();
            continue;
        }
        std::unique_ptr<byte_stream> bytes;
        std::error_code failure;
        try {
            bytes = co_await from.accept();
        } catch (const std::system_error& e) {
            failure = e.code();
        }
        if (self->abandoned_) co_return;
        if (bytes) { // also one that came as the drain began: its client may have sent a call
            if (from.address().tls) {
                auto encrypting = encrypt(self, std::move(bytes), from.address());
                self->handshakes_.spawn(std::move(encrypting));
            } else {
                self->admit(std::move(bytes), from.address());
            }
            continue;
        }
        if (self->stop_.fired()) co_return;
        if (self->options_.on_accept_error) self->options_.on_accept_error(from.address(), failure);
        co_await sleep_for(accept_pause);
    }
}

awaitable<void> server_core::run(std::shared_ptr<server_core> self, handler serve) {
    serve = protocols::serving(std::move(serve), self->options_.registry);
    self->serve_ = std::make_shared<const handler>(std::move(serve));
    for (auto& l : self->listeners_) {
        ++self->accepting_;
        auto accepting = accept_all(self, *l);
        // Accepting ends by itself when the listener closes.
        asio::co_spawn(self->executor_, std::move(accepting), [self](std::exception_ptr e) {
            --self->accepting_;
            self->tell_fewer();
            if (e && !is_cancelled(e)) std::rethrow_exception(e);
        });
    }
    bool cut_short = false;
    try {
        co_await self->stop_.wait();
        // Nobody was waiting any more when this was cancelled after drain(), which ends the drain.
        cut_short = detail::is_requested(co_await this_coro::cancellation_state);
    } catch (const rpc_error& e) {
        if (e.code() != errc::cancelled) throw;
    }
    // Cancelling means draining, which awaits.
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    self->drain();
    for (auto& l : self->listeners_) l->close();
    self->tell_fewer();
    if (cut_short) throw rpc_error(errc::cancelled);
    co_await self->drain_all();
    self->options_.registry->leave(self->executor_);
}

awaitable<void> server_core::drain_all() {
    {
        const auto all = connections_;
        for (auto& [raw, c] : all) c->drain();
    }
    timer limit(executor_);
    const auto until = clock::of(executor_).now() + options_.drain_timeout;
    limit.arm(until, [this] { close_all("the drain time is over"); });
    while (!connections_.empty() || accepting_ > 0 || shaking_ > 0) {
        if (!fewer_) fewer_.emplace();
        auto fewer = *fewer_;
        co_await fewer.wait();
    }
}

} // namespace detail

server::server(any_io_executor executor, server_options options)
    : core_(std::make_shared<detail::server_core>(std::move(executor), std::move(options))) {}

server& server::operator=(server&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
}

server::~server() {
    if (core_) core_->abandon();
}

url server::listen(std::string_view at, std::source_location made) {
    return core_->listen(url::parse(at), made);
}
url server::listen(const url& at, std::source_location made) {
    return core_->listen(at, made);
}

awaitable<void> server::run(handler serve) {
    return detail::server_core::run(core_, std::move(serve));
}

void server::drain() {
    core_->drain();
}
std::vector<url> server::addresses() const {
    return core_->addresses();
}
std::size_t server::connections() const noexcept {
    return core_->connections();
}

} // namespace oocrpc
