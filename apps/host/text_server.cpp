#include "text_server.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <optional>
#include <stdexcept>

#include <oocrpc/clock.hpp>
#include <oocrpc/connection_counts.hpp>
#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/stream.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/when.hpp>

#include "seldom.hpp"

using namespace std::chrono_literals;
using oocrpc::awaitable;

namespace host {
namespace {

// How long a client gets to take what is under way to it before the connection is closed.
constexpr auto linger = 2s;
// Where the process has no descriptors left, trying again at once would only spin.
constexpr auto accept_pause = 100ms;
// What is written at once: a client that takes so much within write_timeout reads.
constexpr std::size_t write_piece = 16 << 10;

constexpr std::string_view scheme = "text://"; // of our own, and shown to nobody

std::string text_of(const oocrpc::url& at) {
    const auto host = at.host.find(':') == std::string::npos ? at.host : "[" + at.host + "]";
    return host + ":" + std::to_string(at.port);
}

std::unique_ptr<oocrpc::listener> listen(const oocrpc::any_io_executor& executor,
                                         const oocrpc::host_port& where,
                                         const std::source_location& made) {
    oocrpc::url at;
    at.protocol = "text";
    at.host = where.host;
    at.port = where.port;
    try {
        return oocrpc::listener::open(executor, at, oocrpc::port_sharing::exclusive, made);
    } catch (const oocrpc::rpc_error& e) {
        auto detail = e.detail();
        const auto found = detail.find(scheme);
        if (found != std::string::npos) detail.erase(found, scheme.size());
        throw oocrpc::rpc_error(oocrpc::errc::unavailable, detail);
    }
}

} // namespace

/// One client: what it sends is read and ignored from the beginning, so that its end is seen.
class text_session final : public oocrpc::stream_user,
                           public std::enable_shared_from_this<text_session> {
  public:
    text_session(std::unique_ptr<oocrpc::byte_stream> s, std::chrono::milliseconds write_timeout)
        : peer(s->peer_address()),
          stream_(std::move(s)),
          write_timeout_(write_timeout) {}

    void start() { stream_->read_some(asio::buffer(ignored_), shared_from_this()); }
    void shutdown_send() noexcept { stream_->shutdown_send(); }
    /// What is under way fails, and holds the session no longer.
    void close() noexcept { stream_->close(); }

    /// Returns when the client has sent its last byte or is gone.
    static awaitable<void> hang_up(std::shared_ptr<text_session> self) {
        while (!self->gone_) {
            auto gone = self->gone_waits_.emplace();
            co_await gone.wait();
        }
    }
    /// Writes all of it; `text` is kept here, since a write goes on where this is cancelled.
    static awaitable<void> write(std::shared_ptr<text_session> self, std::string text) {
        if (self->writing_) throw std::logic_error("a text is being written already");
        self->text_ = std::move(text);
        const auto limit = self->write_timeout_;
        for (std::size_t at = 0; at < self->text_.size(); at += write_piece) {
            auto piece = write_from(self, at);
            if (limit.count() > 0)
                co_await oocrpc::with_deadline(limit, std::move(piece));
            else
                co_await std::move(piece);
        }
    }

    const std::string peer;

  private:
    static awaitable<void> write_from(std::shared_ptr<text_session> self, std::size_t at) {
        self->writing_ = true;
        auto written = self->write_waits_.emplace();
        const oocrpc::bytes all(reinterpret_cast<const std::uint8_t*>(self->text_.data()),
                                self->text_.size());
        self->stream_->write(all.subspan(at, std::min(write_piece, all.size() - at)), self);
        co_await written.wait();
    }
    void on_read(std::error_code ec, std::size_t) override {
        if (!ec) return start();
        gone_ = true;
        if (gone_waits_ && !gone_waits_->fired()) gone_waits_->fire();
    }
    void on_written(std::error_code ec) override {
        writing_ = false;
        auto waits = *std::exchange(write_waits_, std::nullopt);
        if (waits.fired()) return; // who waited was cancelled
        if (ec) return waits.fail(std::system_error(ec));
        waits.fire();
    }

    std::unique_ptr<oocrpc::byte_stream> stream_;
    std::chrono::milliseconds write_timeout_;
    std::array<char, 512> ignored_;
    std::string text_; // while it is being written
    bool writing_ = false;
    bool gone_ = false;
    std::optional<oocrpc::promise<void>> gone_waits_;
    std::optional<oocrpc::promise<void>> write_waits_;
};

awaitable<void> text_writer::write(std::string text) const {
    return text_session::write(to_, std::move(text));
}

struct text_server::core : std::enable_shared_from_this<core> {
    core(oocrpc::any_io_executor ex, const oocrpc::host_port& at, text_function f, text_options o,
         const std::source_location& made)
        : executor(std::move(ex)),
          from(listen(executor, at, made)),
          serve(std::move(f)),
          how(o) {}

    static awaitable<void> run(std::shared_ptr<core> self);
    void drain();
    awaitable<void> accept_all(oocrpc::task_group& clients);
    bool admit(oocrpc::task_group& clients, std::unique_ptr<oocrpc::byte_stream>& stream);
    void tell_fewer();
    static awaitable<void> serve_one(std::shared_ptr<core> self,
                                     std::shared_ptr<text_session> client);

    oocrpc::any_io_executor executor;
    std::unique_ptr<oocrpc::listener> from;
    text_function serve;
    text_options how;
    oocrpc::connection_counts counts;
    seldom refused, not_accepted;
    std::optional<oocrpc::promise<void>> fewer; // fires when a client has been served
    bool running = false;
    bool draining = false; // by drain()
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
            client->shutdown_send();
            co_await oocrpc::with_deadline(linger, text_session::hang_up(client));
        }
    } catch (const std::exception& e) {
        spdlog::debug("text client: {}", e.what());
    }
    client->close();
    self->counts.leave(client->peer);
    self->tell_fewer();
}

void text_server::core::tell_fewer() {
    if (fewer) std::exchange(fewer, std::nullopt)->fire();
}

/// Serves it, or closes it; false where it has to wait until there are fewer.
bool text_server::core::admit(oocrpc::task_group& clients,
                              std::unique_ptr<oocrpc::byte_stream>& stream) {
    using enum oocrpc::connection_counts::outcome;
    const auto peer = stream->peer_address();
    const auto outcome = counts.enter(peer, how.max_connections, how.max_connections_per_address);
    if (outcome == full) return false;
    if (outcome == address_full) {
        stream.reset();
        if (const auto untold = refused.tell(oocrpc::clock::of(executor).now()))
            spdlog::warn("text {}: refused {}: the address has max-connections-per-address{}",
                         text_of(from->address()), peer, also(*untold));
        return true;
    }
    auto client = std::make_shared<text_session>(std::move(stream), how.write_timeout);
    client->start();
    clients.spawn(serve_one(shared_from_this(), std::move(client)));
    return true;
}

awaitable<void> text_server::core::accept_all(oocrpc::task_group& clients) {
    while (!draining) {
        std::unique_ptr<oocrpc::byte_stream> stream;
        std::error_code failed;
        try {
            stream = co_await from->accept();
        } catch (const std::system_error& e) {
            if (draining) co_return;
            if (oocrpc::is_cancelled(std::current_exception())) throw;
            failed = e.code();
        }
        if (!stream) {
            if (const auto untold = not_accepted.tell(oocrpc::clock::of(executor).now()))
                spdlog::warn("accepting on {}: {}{}", text_of(from->address()), failed.message(),
                             also(*untold));
            co_await oocrpc::sleep_for(accept_pause);
            continue;
        }
        while (!admit(clients, stream)) {
            if (draining) co_return;
            if (!fewer) fewer.emplace();
            auto one_less = *fewer;
            co_await one_less.wait();
        }
    }
}

void text_server::core::drain() {
    draining = true;
    from->close(); // ends the accept that is waiting
    tell_fewer();
}

awaitable<void> text_server::core::run(std::shared_ptr<core> self) {
    const auto executor = self->executor;
    oocrpc::task_group clients(executor);
    self->running = true;
    try {
        co_await self->accept_all(clients);
    } catch (const std::exception&) {
        if (!oocrpc::is_cancelled(std::current_exception())) throw;
    }
    // Cancelling means draining, which awaits; unless it drained already when it was cancelled.
    const auto asked = co_await oocrpc::this_coro::cancellation_state;
    const bool cut_short = self->draining && asked.cancelled() != asio::cancellation_type::none;
    co_await oocrpc::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    self->from->close();
    if (cut_short) clients.cancel();
    oocrpc::timer limit(executor);
    limit.arm(oocrpc::clock::of(executor).after(self->how.drain_timeout),
              [&clients] { clients.cancel(); });
    co_await clients.join();
    if (cut_short) throw oocrpc::rpc_error(oocrpc::errc::cancelled);
}

text_server::text_server(oocrpc::any_io_executor executor, oocrpc::host_port at,
                         text_function serve, text_options how, std::source_location made)
    : core_(std::make_shared<core>(std::move(executor), at, std::move(serve), how, made)) {}

std::string text_server::address() const {
    return "text " + text_of(core_->from->address());
}

awaitable<void> text_server::run() {
    return core::run(core_);
}

bool text_server::drain() {
    if (core_->running) core_->drain();
    return core_->running;
}

} // namespace host
