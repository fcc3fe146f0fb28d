#pragma once

#include <memory>
#include <string>
#include <vector>

#include <oocrpc/client.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/handler.hpp>

namespace oocrpc::proxy {

/// The servers behind a proxy, as one place to put calls.
///
/// Calls go round robin to the servers that are connected; where none is, to the first that can be
/// connected to. A call that could not be placed goes to another server; one that may have begun is
/// never made again. Lives on `executor`, which one thread runs; used there only.
///
/// Calls are made with the deadline of the call whose handler makes them, and with none where that
/// has none: what arrived is what is passed on.
class upstreams : public std::enable_shared_from_this<upstreams> {
  public:
    struct counters {
        std::uint64_t calls = 0;     ///< placed on a server
        std::uint64_t cancelled = 0; ///< of these: given up before they were answered
        std::size_t in_flight = 0;
    };

    /// Throws rpc_error(invalid_argument) for a URL that cannot be read. Connects with the first
    /// call. Each server gets as many connections as `options` say: one carries no more calls at a
    /// time than that server runs on one.
    static std::shared_ptr<upstreams> make(any_io_executor executor, std::vector<std::string> urls,
                                           client_options options = {});

    /// Makes a call and returns the `reply` or the `error`; throws only `cancelled`. `call` owns
    /// what it refers to. The answer may view the read buffer: it is valid until the awaiting
    /// coroutine suspends.
    awaitable<message> exchange(message call);
    /// The same as the answer of a handler: where a server is connected it takes no coroutine, and
    /// `call` may view what it refers to.
    maybe_awaitable<message> pass(context& c, message&& call);
    /// The same with an answer that owns its bytes.
    awaitable<message> fetch(message call);
    /// A call that takes a stream, `window` items of it at a time, with the deadline of the call
    /// whose handler opens it. Throws `unavailable`, `cancelled`, `deadline_exceeded`.
    class items;
    awaitable<items> open(message call, call_deadline inherited, std::int32_t window);

    /// Whether the servers take whole commands and have no methods, as the first one says that is
    /// connected; see connection::takes_commands. Throws as open() does.
    awaitable<bool> take_commands();

    const counters& counted() const noexcept { return *counters_; }
    /// Servers that are connected.
    std::size_t connected() const noexcept;
    const any_io_executor& get_executor() const noexcept { return executor_; }
    /// Ends all connections and calls; later calls are `unavailable`, until open().
    void close();
    /// Takes calls again, after close().
    void open();

  private:
    class server;
    class place;
    class answered;
    using connection_ptr = std::shared_ptr<connection>;

    upstreams(any_io_executor executor, std::vector<std::string> urls, client_options options);
    connection_ptr ready();
    awaitable<connection_ptr> acquire();
    awaitable<connection_ptr> connected_any();
    awaitable<connection_ptr> acquire_any();

    any_io_executor executor_;
    std::vector<std::string> urls_;
    client_options options_;
    std::vector<std::shared_ptr<server>> servers_;
    bool closed_ = true;
    std::size_t next_ = 0;
    std::shared_ptr<counters> counters_ = std::make_shared<counters>();
};

/// One call that counts as in flight while this lives, and as cancelled unless it was answered.
class upstreams::place {
  public:
    explicit place(std::shared_ptr<counters> c) : counters_(std::move(c)) {
        ++counters_->calls;
        ++counters_->in_flight;
    }
    place(place&&) noexcept = default;
    ~place() {
        if (!counters_) return;
        --counters_->in_flight;
        if (!answered) ++counters_->cancelled;
    }
    bool answered = false;

  private:
    std::shared_ptr<counters> counters_;
};

/// The items of a stream, then its end. Destroyed before the end it stops the server.
class upstreams::items {
  public:
    items(std::shared_ptr<message_stream> source, place counted)
        : source_(std::move(source)),
          place_(std::move(counted)) {}
    items(items&&) noexcept = default;
    ~items() {
        if (source_ && !place_.answered) source_->cancel();
    }

    /// The next `item`, or the `reply` or `error` that ends the stream.
    awaitable<message> next();

  private:
    std::shared_ptr<message_stream> source_;
    place place_;
};

} // namespace oocrpc::proxy
