#include <oocrpc/server.hpp>

#include <unordered_map>

#include "protocols.hpp"
#include <oocrpc/clock.hpp>
#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/promise.hpp>

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
          options_(std::move(options)) {
        if (!options_.registry) options_.registry = std::make_shared<call_registry>();
    }

    url listen(const url& at, const std::source_location& made) {
        if (!at.user.empty())
            throw rpc_error(errc::invalid_argument, "'" + at.to_string() +
                                                        "': a server listens for everybody, the "
                                                        "URL of a listener names no user");
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
    void admit(std::unique_ptr<byte_stream> bytes, const url& at);
    void gone(connection& c, const rpc_error& why);
    awaitable<void> drain_all();
    void close_all(const char* why) {
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
    bool abandoned_ = false; // what the handler uses may be gone
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
    if (fewer_) std::exchange(fewer_, std::nullopt)->fire();
}

awaitable<void> server_core::accept_all(std::shared_ptr<server_core> self, listener& from) {
    while (!self->stop_.fired()) {
        if (self->connections_.size() >= self->options_.max_connections) {
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
            self->admit(std::move(bytes), from.address());
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
            if (self->fewer_) std::exchange(self->fewer_, std::nullopt)->fire();
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
    if (self->fewer_) std::exchange(self->fewer_, std::nullopt)->fire();
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
    while (!connections_.empty() || accepting_ > 0) {
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
