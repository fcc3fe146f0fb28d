#include <oocrpc/tls.hpp>

#include <oocrpc/error.hpp>

#include "tls_stream.hpp"

namespace oocrpc {
namespace {

using detail::tls_connection;

/// Throws why it failed, behind `whose`.
awaitable<void> shake_hands(std::shared_ptr<tls_connection> with, std::string whose) {
    auto over = with->shake();
    co_await over.wait();
    if (with->end() == tls_connection::ending::failed)
        throw rpc_error(errc::unavailable, whose + "TLS: " + with->reason());
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

awaitable<std::unique_ptr<byte_stream>>
tls_server::accept(std::unique_ptr<byte_stream> bytes) const {
    const bool plain = options_.plain == plain_peers::accepted;
    auto c = std::make_shared<tls_connection>(std::move(bytes), plain, current());
    auto encrypted = std::make_unique<detail::tls_stream>(c); // closes it where this fails
    co_await shake_hands(c, "");
    if (c->end() == tls_connection::ending::plain) co_return c->release_plain();
    co_return std::move(encrypted);
}

tls_client::tls_client(const tls_client_options& options)
    : check_host_(!options.allow_invalid_hostnames),
      context_(detail::make_context(options)),
      sessions_(std::make_shared<detail::tls_sessions>()) {}

tls_client::~tls_client() = default;

awaitable<std::unique_ptr<byte_stream>> tls_client::connect(std::unique_ptr<byte_stream> bytes,
                                                            url to) const {
    const auto server = to.host + ":" + std::to_string(to.port);
    auto c = std::make_shared<tls_connection>(std::move(bytes), false, context_, sessions_, server,
                                              to.host, check_host_);
    auto encrypted = std::make_unique<detail::tls_stream>(c);
    co_await shake_hands(c, to.to_string() + ": ");
    co_return std::move(encrypted);
}

} // namespace oocrpc
