#pragma once

#include <optional>

#include <asio/buffer.hpp>

#include <oocrpc/promise.hpp>
#include <oocrpc/stream.hpp>

#include "tls_engine.hpp"

namespace oocrpc::detail {

/// An encrypted connection over another stream: moves the bytes of an engine.
///
/// Shared with what is under way below. Otherwise as byte_stream, whose contract it keeps.
class tls_connection final : public stream_user,
                             public std::enable_shared_from_this<tls_connection> {
  public:
    /// How a handshake ends. `plain`: the peer does not speak TLS.
    enum class ending { pending, done, plain, failed };

    /// What else may be passed to the engine is passed on. `expect_plain`: a peer that does not
    /// speak TLS is no failure.
    template <class... Arguments>
    explicit tls_connection(std::unique_ptr<byte_stream> below, bool expect_plain,
                            Arguments&&... arguments)
        : below_(std::move(below)),
          expect_plain_(expect_plain),
          engine_(std::forward<Arguments>(arguments)...) {}

    /// Begins the handshake; the promise fires when it is over.
    promise<void> shake();
    ending end() const noexcept { return ending_; }
    /// Why it failed, for people.
    const std::string& reason() const noexcept { return reason_; }
    /// Where the peer does not speak TLS: the stream, and what it has sent so far.
    std::unique_ptr<byte_stream> release_plain();

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user);
    std::size_t try_write(bytes from) noexcept;
    void write(bytes from, std::shared_ptr<stream_user> user);
    /// Without what waits in the engine: a peer that reads nothing can add answers of TLS to that,
    /// which must not look as if it took something.
    std::size_t unsent() const noexcept {
        return rest_.size() + leaving_.size() + below_->unsent();
    }
    std::size_t buffered() const noexcept {
        return engine_.in.capacity() + engine_.out.capacity() + leaving_.capacity() +
               below_->buffered();
    }
    void shutdown_send() noexcept;
    void close() noexcept;
    bool hung_up() noexcept { return engine_.peer_ended() || below_->hung_up(); }
    byte_stream& below() const noexcept { return *below_; }
    std::shared_ptr<const tls_info> info() const { return info_; }

  private:
    void on_read(std::error_code ec, std::size_t size) override;
    void on_written(std::error_code ec) override;

    // The handshake.
    void step();
    void finish(ending how, std::string reason = {});
    bool may_speak_tls();

    // Reading.
    void read_on();
    void read_below(std::size_t room);
    struct arrival {
        std::size_t size = 0;
        std::error_code ec;
    };
    std::optional<arrival> take();
    void end_read(arrival what);
    void read_in_turn();

    // Writing.
    bool drain() noexcept;
    void flush();
    void send();
    bool advance();
    std::size_t skip_ahead(bytes from) noexcept;
    void end_write(std::error_code ec);

    std::unique_ptr<byte_stream> below_;
    const bool expect_plain_;
    tls_engine engine_;
    std::shared_ptr<const tls_info> info_;
    bool closed_ = false;

    promise<void> over_;
    ending ending_ = ending::pending;
    std::string reason_;
    bool heard_ = false; // the peer has begun a record

    std::shared_ptr<stream_user> reader_;
    asio::mutable_buffer into_;
    bool filled_ = false; // by the last read

    std::shared_ptr<stream_user> writer_;
    bytes rest_;            // of what is being written; the writer keeps it
    std::size_t ahead_ = 0; // bytes that are encrypted already, at the beginning of what comes next
    byte_buffer leaving_;   // what is being written below
    bool writing_ = false;
    bool ended_ = false; // the sending half
};

/// The handle of a connection that has shaken hands, or is about to.
class tls_stream final : public byte_stream {
  public:
    explicit tls_stream(std::shared_ptr<tls_connection> c) : connection_(std::move(c)) {}
    ~tls_stream() override { connection_->close(); }

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        connection_->read_some(into, std::move(user));
    }
    std::size_t try_write(bytes from) noexcept override { return connection_->try_write(from); }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        connection_->write(from, std::move(user));
    }
    std::size_t unsent() noexcept override { return connection_->unsent(); }
    std::size_t buffered() const noexcept override { return connection_->buffered(); }
    void shutdown_send() noexcept override { connection_->shutdown_send(); }
    void close() noexcept override { connection_->close(); }
    bool hung_up() noexcept override { return connection_->hung_up(); }
    std::string peer_address() const override { return connection_->below().peer_address(); }
    any_io_executor get_executor() override { return connection_->below().get_executor(); }
    std::shared_ptr<const tls_info> tls() const override { return connection_->info(); }

  private:
    std::shared_ptr<tls_connection> connection_;
};

} // namespace oocrpc::detail
