#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <source_location>
#include <string>

#include <oocrpc/caller.hpp>
#include <oocrpc/limits.hpp>
#include <oocrpc/memory_budget.hpp>
#include <oocrpc/metadata.hpp>
#include <oocrpc/secret.hpp>
#include <oocrpc/tls_options.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc {

/// How long to wait before connecting again: `first`, then twice as long each time up to `most`,
/// each time shortened by a random part of up to half, so that clients do not return all at once.
struct backoff_options {
    std::chrono::milliseconds first{50};
    std::chrono::milliseconds most{5'000};
};

struct client_options {
    client_options() = default; // no aggregate: g++ 12 breaks those in a co_await expression

    std::size_t connections = 1;                       ///< at most; opened as calls need them
    std::chrono::milliseconds default_timeout{10'000}; ///< of calls without another deadline
    std::chrono::milliseconds connect_timeout{5'000};  ///< of one attempt at one address
    backoff_options backoff;
    limits limit;
    /// What its connections may hold, together with others; null: as much as comes.
    std::shared_ptr<memory_budget> memory;
    /// Who logs in, on every connection before its first call; empty: nobody. A user, password or
    /// mechanism of the URL comes first. MongoDB's database that knows the user is `authSource` in
    /// the URL.
    std::string user;
    /// The user's; null where a client certificate stands for it.
    std::shared_ptr<const secret> password;
    /// "SCRAM-SHA-256", for MongoDB also "SCRAM-SHA-1", "PLAIN" (encrypted connections only) and
    /// "MONGODB-X509" (with a client certificate); empty: the best SCRAM of both.
    std::string mechanism;
    /// Goes along with every call that does not say otherwise, where the server takes metadata:
    /// `{"authorization", "Bearer ..."}`. Not encrypted by itself.
    metadata meta;
    tls_client_options tls; ///< where the URL asks for TLS
    /// Speaks a protocol of your own, instead of what the URL says.
    codec_factory codecs;
    /// Serves the calls that the server makes on our connections.
    handler serve;
};

namespace detail {
class client_core;
}

/// A server, to call: a pool of connections that are opened, and opened again, as calls need them.
///
/// Lives on `executor`, which must be serial; calls may be made from any thread, streams on that
/// executor. While the server cannot be reached a call fails at once with `unavailable`, unless its
/// deadline allows waiting for the next attempt to connect; it then shares the fate of that
/// attempt. A login that fails is a failed attempt, and the error `unauthenticated`. Moves, does
/// not copy. Destroying it ends its calls with `unavailable`.
class client : public caller {
  public:
    /// Throws rpc_error(invalid_argument) for a URL that cannot be read, or an option of it that
    /// cannot be kept; what its options say comes before `options`. Connects with the first call,
    /// to the first address of the URL that can be reached.
    /// `made` is for people who look for a connection that was left open.
    client(any_io_executor executor, std::string_view to, client_options options = {},
           std::source_location made = std::source_location::current());
    client(client&&) noexcept = default;
    client& operator=(client&& other) noexcept;
    ~client();

    /// Makes a call with any completion token: `void(std::error_code, message)`.
    ///
    /// As connection::async_call; where no connection is ready, waits for one as call() does.
    template <class Token> auto async_call(message call, call_options options, Token&& token) {
        return asio::async_initiate<Token, void(std::error_code, message)>(
            detail::place_call{}, token, target_, std::move(call), std::move(options));
    }

    /// Ends all connections and calls; later calls are `unavailable`.
    void close();
    const url& address() const noexcept;
    any_io_executor get_executor() const;
    /// Connections that are open and take calls.
    std::size_t connected() const noexcept;

  private:
    friend awaitable<client> connect(std::string to, client_options options,
                                     std::source_location made);
    detail::client_core& core() const noexcept;
};

/// A client on the awaiting coroutine's executor whose first connection is there. Throws
/// `unavailable` where the server cannot be reached, `unauthenticated` where it refuses the login,
/// `invalid_argument` for a bad URL.
awaitable<client> connect(std::string to, client_options options = {},
                          std::source_location made = std::source_location::current());

} // namespace oocrpc
