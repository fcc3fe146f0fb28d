#include <oocrpc/tls.hpp>

#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>

#include "tls_stream.hpp"

namespace oocrpc {
namespace {

using detail::tls_connection;

/// Throws why it failed, behind `whose`. A time of 0 is no limit.
awaitable<void> shake_hands(std::shared_ptr<tls_connection> with, std::string whose,
                            std::chrono::milliseconds within) {
    auto over = with->shake();
    const auto limit = within.count() > 0 ? duration(within) : duration::max();
    std::string why;
    try {
        co_await with_deadline(limit, over.wait());
        if (with->end() == tls_connection::ending::failed) why = with->reason();
    } catch (const rpc_error& e) {
        if (e.code() != errc::deadline_exceeded) throw;
        why = "no handshake within " + std::to_string(within.count()) + " ms";
    }
    if (!why.empty()) throw rpc_error(errc::unavailable, whose + "TLS: " + why);
}

} // namespace

tls_server::tls_server(tls_server_options options)
    : options_(std::move(options)),
      current_(detail::make_context(options_)) {}

tls_server::~tls_server() = default;

tls_server::certificates tls_server::read() const {
    auto next = detail::make_context(options_);
    return next->digest == current()->digest ? nullptr : next;
}

void tls_server::use(certificates next) {
    if (!next) return; // nothing has changed
    const std::lock_guard lock(mutex_);
    current_.swap(next);
}

tls_server::certificates tls_server::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

awaitable<std::unique_ptr<byte_stream>> tls_server::accept(std::unique_ptr<byte_stream> bytes,
                                                           std::chrono::milliseconds within) const {
    const bool plain = options_.plain == plain_peers::accepted;
    auto c = std::make_shared<tls_connection>(std::move(bytes), plain, current());
    auto encrypted = std::make_unique<detail::tls_stream>(c); // closes it where this fails
    std::string nobody;
    co_await shake_hands(c, std::move(nobody), within);
    if (c->end() == tls_connection::ending::plain) co_return c->release_plain();
    co_return std::move(encrypted);
}

tls_client::tls_client(const tls_client_options& options)
    : check_host_(!options.allow_invalid_hostnames),
      context_(detail::make_context(options)),
      sessions_(std::make_shared<detail::tls_sessions>()) {}

tls_client::~tls_client() = default;

awaitable<std::unique_ptr<byte_stream>>
tls_client::connect(std::unique_ptr<byte_stream> bytes, url to,
                    std::chrono::milliseconds within) const {
    const auto server = to.host + ":" + std::to_string(to.port);
    auto c = std::make_shared<tls_connection>(std::move(bytes), false, context_, sessions_, server,
                                              to.host, check_host_);
    auto encrypted = std::make_unique<detail::tls_stream>(c);
    auto whose = to.to_string() + ": ";
    co_await shake_hands(c, std::move(whose), within);
    co_return std::move(encrypted);
}

} // namespace oocrpc
