#include <oocrpc/server.hpp>

#include <unordered_map>

#include "protocols.hpp"
#include "turns.hpp"
#include <oocrpc/clock.hpp>
#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc {
namespace {

// Where the process has no descriptors left, trying again at once would only spin.
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::chrono::seconds refusals_told{1};

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
        if (!options_.memory) options_.memory = std::make_shared<memory_budget>();
    }
    ~server_core() { // those that ended without it
        for (auto& [raw, c] : connections_) options_.registry->connections.leave(c->info().address);
    }

    url listen(const url& at, const std::source_location& made) {
        protocols::require_listener(at);
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
    std::shared_ptr<const connection_options> options_of_connections();
    bool admit(std::unique_ptr<byte_stream>& bytes, const url& at);
    void refuse(const url& at, const std::string& peer);
    void begin(std::unique_ptr<byte_stream> bytes, const url& at);
    void serve(std::unique_ptr<byte_stream> bytes, const url& at);
    void gone(connection& c, const rpc_error& why);
    void tell_fewer();
    awaitable<void> fewer();
    awaitable<void> drain_all();
    void close_all(const char* why) {
        handshakes_.cancel();
        const auto all = connections_; // closing one may take it out
        for (auto& [raw, c] : all) c->close(rpc_error(errc::unavailable, why));
    }

    any_io_executor executor_;
    server_options options_;
    std::shared_ptr<const handler> serve_;
    std::shared_ptr<const connection_options> of_connections_;
    std::vector<std::unique_ptr<listener>> listeners_;
    std::unordered_map<connection*, std::shared_ptr<connection>> connections_;
    promise<void> stop_;
    std::optional<promise<void>> fewer_; // fires when a connection ends
    std::size_t accepting_ = 0;
    task_group handshakes_;
    std::size_t shaking_ = 0; // of these
    std::size_t refused_ = 0; // and not told of
    time_point tell_refused_at_{};
    bool abandoned_ = false; // what the handler uses may be gone
};

/// Serves it, or closes it; false where it has to wait until there are fewer.
bool server_core::admit(std::unique_ptr<byte_stream>& bytes, const url& at) {
    using enum connection_counts::outcome;
    auto& counts = options_.registry->connections;
    const auto peer = bytes->peer_address();
    const auto outcome =
        counts.enter(peer, options_.max_connections, options_.max_connections_per_address);
    if (outcome == full) return false;
    if (outcome == address_full) {
        bytes.reset();
        refuse(at, peer);
        return true;
    }
    try {
        begin(std::move(bytes), at);
    } catch (...) {
        counts.leave(peer);
        throw;
    }
    return true;
}

void server_core::refuse(const url& at, const std::string& peer) {
    ++refused_;
    const auto now = clock::of(executor_).now();
    if (!options_.on_refused || now < tell_refused_at_) return;
    tell_refused_at_ = now + refusals_told;
    options_.on_refused(at, peer, std::exchange(refused_, 0));
}

void server_core::begin(std::unique_ptr<byte_stream> bytes, const url& at) {
    if (!at.tls) return serve(std::move(bytes), at);
    auto encrypting = encrypt(shared_from_this(), std::move(bytes), at);
    handshakes_.spawn(std::move(encrypting));
}

/// Shakes hands with a peer, and serves it, while others are accepted.
awaitable<void> server_core::encrypt(std::shared_ptr<server_core> self,
                                     std::unique_ptr<byte_stream> bytes, url at) {
    peer_info who;
    who.address = bytes->peer_address();
    std::optional<rpc_error> why;
    ++self->shaking_;
    try {
        const auto within = self->options_.limit.handshake_timeout;
        bytes = co_await self->options_.tls->accept(std::move(bytes), within);
        if (!self->abandoned_) self->serve(std::move(bytes), at);
    } catch (const rpc_error& e) {
        why = e;
    } catch (const std::exception& e) {
        why.emplace(errc::unavailable, e.what());
    }
    --self->shaking_;
    if (!why && !self->abandoned_) co_return;
    self->options_.registry->connections.leave(who.address);
    self->tell_fewer();
    if (self->abandoned_) co_return;
    if (self->options_.on_handshake_failed) self->options_.on_handshake_failed(who, *why);
}

void server_core::serve(std::unique_ptr<byte_stream> bytes, const url& at) {
    auto codec = options_.codecs ? options_.codecs(options_.limit)
                                 : protocols::server_codec(at, options_.limit);
    auto c = connection::start(std::move(bytes), std::move(codec), serve_, of_connections_);
    connections_.emplace(c.get(), c);
    if (options_.on_connected) try {
            options_.on_connected(c->info());
        } catch (...) { // it is served all the same
            report_unhandled(std::current_exception());
        }
    if (stop_.fired()) c->drain();
}

void server_core::gone(connection& c, const rpc_error& why) {
    if (connections_.erase(&c)) options_.registry->connections.leave(c.info().address);
    if (options_.on_disconnected) options_.on_disconnected(c.info(), why);
    tell_fewer();
}

void server_core::tell_fewer() {
    if (fewer_) std::exchange(fewer_, std::nullopt)->fire();
}

/// Until a connection may have ended, which other servers do not tell of.
awaitable<void> server_core::fewer() {
    if (!fewer_) fewer_.emplace();
    auto told = *fewer_;
    timer look_again(executor_);
    look_again.arm(clock::of(executor_).after(accept_pause), [this] { tell_fewer(); });
    co_await told.wait();
}

awaitable<void> server_core::accept_all(std::shared_ptr<server_core> self, listener& from) {
    while (!self->stop_.fired()) {
        std::unique_ptr<byte_stream> bytes;
        std::error_code failure;
        try {
            bytes = co_await from.accept();
            // Also one that came as the drain began: its client may have sent a call.
            while (bytes && !self->abandoned_ && !self->admit(bytes, from.address())) {
                if (self->stop_.fired()) co_return;
                co_await self->fewer();
            }
            co_await turns::wait_at_door(self->executor_);
        } catch (const std::system_error& e) {
            failure = e.code();
        } catch (const std::bad_alloc&) {
            failure = make_error_code(std::errc::not_enough_memory);
        } catch (const std::exception&) { // of a codec's maker: that connection is gone
            report_unhandled(std::current_exception());
        }
        if (self->abandoned_) co_return;
        if (!failure) continue;
        if (self->stop_.fired()) co_return;
        if (self->options_.on_accept_error) self->options_.on_accept_error(from.address(), failure);
        co_await sleep_for(accept_pause);
    }
}

std::shared_ptr<const connection_options> server_core::options_of_connections() {
    auto all = std::make_shared<connection_options>();
    all->limit = options_.limit;
    all->accepted = true;
    all->memory = options_.memory;
    all->max_call_time = options_.max_call_time;
    all->exceptions = options_.exceptions;
    if (options_.access) {
        all->login_required = true;
        all->user_of = [access = options_.access](const tls_info& t) { return access->user_of(t); };
    }
    all->on_closed = [weak = weak_from_this()](connection& c, const rpc_error& why) {
        if (auto self = weak.lock()) self->gone(c, why);
    };
    return all;
}

awaitable<void> server_core::run(std::shared_ptr<server_core> self, handler serve) {
    serve = protocols::serving(std::move(serve), self->options_.registry, self->options_.access);
    self->serve_ = std::make_shared<const handler>(std::move(serve));
    self->of_connections_ = self->options_of_connections();
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
