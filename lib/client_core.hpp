#pragma once

#include <deque>
#include <random>
#include <vector>

#include <oocrpc/client.hpp>
#include <oocrpc/client_login.hpp>
#include <oocrpc/tls.hpp>

namespace oocrpc::detail {

/// The pool behind a client; shared with the calls under way.
class client_core final : public call_target, public std::enable_shared_from_this<client_core> {
  public:
    client_core(any_io_executor executor, url to, client_options options,
                std::source_location made);

    connection* ready() override;
    awaitable<std::shared_ptr<connection>> acquire(deadline& when) override;
    any_io_executor get_executor() const override { return executor_; }

    void close();
    std::size_t connected() const noexcept;
    const url& address() const noexcept { return to_; }

  private:
    using connection_ptr = std::shared_ptr<connection>;
    using attempt = promise<connection_ptr>;

    /// A place for one connection: it is there, or an attempt is under way, or neither.
    struct slot {
        connection_ptr open;
        bool trying = false;
        asio::cancellation_signal stop; // of the attempt
        std::optional<attempt> waiters;
        unsigned failures = 0;
        time_point not_before{};            // of the next attempt
        errc last_code = errc::unavailable; // of what last_error says
        std::string last_error;
    };

    static awaitable<connection_ptr> acquire_here(std::shared_ptr<client_core> self,
                                                  call_deadline until);
    static awaitable<connection_ptr> acquire_for_elsewhere(std::shared_ptr<client_core> self,
                                                           call_deadline until);
    connection_ptr* usable();
    std::size_t pick();
    void try_to_connect(slot& s);
    static awaitable<void> connect(std::shared_ptr<client_core> self, slot& s);
    awaitable<connection_ptr> open(slot& s);
    url address(std::size_t i) const;
    awaitable<connection_ptr> open_at(slot& s, url one);
    awaitable<void> handshake(connection_ptr c, url one, promise<void> greeted, time_point until);
    awaitable<void> log_in(connection_ptr c, url one, time_point until);
    awaitable<std::unique_ptr<byte_stream>> reach(url one);
    awaitable<std::unique_ptr<byte_stream>> dial(url one);
    void connected(slot& s, connection_ptr c);
    void failed(slot& s, const rpc_error& e);
    void lost(slot& s, connection& c, const rpc_error& why);
    std::chrono::milliseconds backoff(unsigned failures);

    any_io_executor executor_;
    url to_;
    client_options options_;
    std::unique_ptr<tls_client> tls_; // null: not encrypted
    std::source_location made_;
    std::shared_ptr<const handler> serve_;
    std::shared_ptr<client_login> login_; // null: nobody logs in
    clock& clock_;
    std::deque<slot> slots_; // never grows, so that a slot stays where it is
    std::vector<std::weak_ptr<connection>> leaving_; // asked to go elsewhere, still answering
    std::size_t next_ = 0;
    bool closed_ = false;
    std::mt19937 random_{std::random_device{}()};
};

} // namespace oocrpc::detail
