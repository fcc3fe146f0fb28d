#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <oocrpc/asio.hpp>
#include <oocrpc/call_options.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/codec.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/detail/call_executor.hpp>
#include <oocrpc/detail/per_second.hpp>
#include <oocrpc/detail/queue.hpp>
#include <oocrpc/detail/reply_to.hpp>
#include <oocrpc/dispatcher.hpp>
#include <oocrpc/handler.hpp>
#include <oocrpc/limits.hpp>
#include <oocrpc/memory_budget.hpp>
#include <oocrpc/message_stream.hpp>
#include <oocrpc/stream.hpp>
#include <oocrpc/suspended_call.hpp>

namespace oocrpc {

/// Whether the text of an exception that is no rpc_error reaches the caller.
enum class exception_text { hidden, exposed };

/// May be shared by connections: each tells of itself.
struct connection_options {
    limits limit;
    /// The peer came to us: it has to say something at once, and not to be silent for ever.
    bool accepted = false;
    /// What it takes its buffers from, with others; null: from nothing.
    std::shared_ptr<memory_budget> memory;
    /// The longest that a call of the peer may run; none by default.
    std::optional<std::chrono::milliseconds> max_call_time;
    /// The deadline of calls that we make and that have no other.
    std::chrono::milliseconds default_timeout{10'000};
    exception_text exceptions = exception_text::hidden;
    /// The peer is nobody until a handler logs it in, and may send little before that: see limits.
    bool login_required = false;
    /// Who the peer is from the beginning, as its certificate says; empty: nobody.
    std::function<std::string(const tls_info&)> user_of;
    /// Goes along with every call that we make, unless the call says otherwise.
    metadata meta;
    /// Who calls, where that is not the other end of the stream: for connections within a process.
    std::shared_ptr<const peer_info> on_behalf_of;
    /// The handshake is over, where the protocol has one that is not at the beginning.
    std::function<void()> on_ready;
    /// The connection is over, for that reason.
    std::function<void(connection&, const rpc_error&)> on_closed;
    /// The peer asks for new calls to be placed elsewhere, for that reason.
    std::function<void(std::string_view)> on_goaway;
};

namespace detail {
class connection_list;
class runner_pool;
} // namespace detail

/// The one call path: calls in both directions over a stream, in the words of a codec.
///
/// Every whole frame of a read is decoded and every answer that is ready goes out in one write. A
/// handler that answers at once runs inside the read loop; others wait as coroutines, or for a
/// callback. Everything
/// happens on the stream's executor, which must be serial (a context that one thread runs, or a
/// strand); calls may be started from any thread. It lives as long as the stream is open, and its
/// peer, its waiters and its handlers are told once when it ends.
class connection final : public stream_user, public std::enable_shared_from_this<connection> {
  public:
    /// Begins to read. Without a handler the calls of the peer are answered `no_such_method`.
    static std::shared_ptr<connection> start(std::unique_ptr<byte_stream> stream,
                                             std::unique_ptr<oocrpc::codec> codec,
                                             std::shared_ptr<const handler> serve,
                                             connection_options options = {});
    static std::shared_ptr<connection> start(std::unique_ptr<byte_stream> stream,
                                             std::unique_ptr<oocrpc::codec> codec,
                                             std::shared_ptr<const handler> serve,
                                             std::shared_ptr<const connection_options> options);
    ~connection() override;

    /// Makes a call: `void(std::error_code, message)`; the message is the `reply` or the `error`.
    ///
    /// The code is the error's: the peer's, `cancelled`, `deadline_exceeded`, `unavailable`,
    /// `overloaded`, `message_too_large`. The token's executor, allocator and cancellation slot
    /// are honoured; cancelling tells the peer to stop and completes at once.
    template <class Token> auto async_call(message call, call_options options, Token&& token) {
        return asio::async_initiate<Token, void(std::error_code, message)>(
            detail::initiate_call{}, token, shared_from_this(), std::move(call),
            std::move(options));
    }
    /// The same without the code, so that a coroutine is handed an error instead of thrown one.
    template <class Token> auto async_exchange(message call, call_options options, Token&& token) {
        return asio::async_initiate<Token, void(message)>(detail::initiate_call{}, token,
                                                          shared_from_this(), std::move(call),
                                                          std::move(options));
    }
    /// Makes a call that takes a stream, `window` items of it at a time (at least 1). `inherited`
    /// is the deadline of the call that makes it. On the connection's executor.
    std::shared_ptr<message_stream> open(message call, const call_options& options,
                                         const call_deadline& inherited, std::int32_t window);

    /// Itself, for somebody who has to come from another thread to make a call: until what is
    /// returned is gone, a goaway does not end it for want of calls. On its executor; what is
    /// returned may go in any thread.
    std::shared_ptr<connection> expect_call();

    /// Asks the peer to go elsewhere, answers what is running and, for the drain grace, what was on
    /// its way, then refuses new calls and closes with the last answer, or when the peer does.
    void drain();
    /// Ends the connection now: waiters are told `reason`, running handlers are cancelled.
    void close(rpc_error reason);

    /// True where new calls can be placed: neither closed nor asked to go elsewhere.
    bool usable() const noexcept { return state_ == state::open && !going_away_; }
    bool closed() const noexcept { return state_ == state::closed; }
    /// Why it ended or is about to, else null.
    const rpc_error* last_reason() const noexcept { return last_reason_.get(); }
    /// False while a handshake is under way: calls wait until it is over.
    bool ready() const noexcept { return codec_->ready(); }
    /// True where the other end takes whole commands and has no methods; see codec.
    bool takes_commands() const noexcept { return codec_->takes_commands(); }
    /// Calls of ours that wait for an answer.
    std::size_t waiting() const noexcept { return dispatcher_.waiting(); }
    /// Calls of the peer that run.
    std::size_t running() const noexcept { return dispatcher_.running(); }
    /// Both of these, one by one.
    std::vector<suspended_call> suspended() const;
    const peer_info& info() const noexcept { return info_; }
    const connection_options& options() const noexcept { return options_; }
    const any_io_executor& get_executor() const noexcept { return executor_; }

  private:
    friend class context;
    friend class message_stream;
    friend class detail::connection_list;
    friend class detail::runner_pool;
    friend struct detail::initiate_call;
    enum class state { open, draining, flushing, closed };
    // How often to look for a hang-up while handlers have to finish before more is read.
    static constexpr std::chrono::milliseconds hang_up_check{50};
    // How often within write_timeout to look whether a peer has read something.
    static constexpr int looks_at_write = 4;
    static constexpr std::size_t accounting_step = 1024;
    struct expected_call;
    struct open_call;

    connection(std::unique_ptr<byte_stream> stream, std::unique_ptr<oocrpc::codec> codec,
               std::shared_ptr<const handler> serve,
               std::shared_ptr<const connection_options> options);

    // Reading (connection.cpp).
    void on_read(std::error_code ec, std::size_t size) override;
    void read();
    void read_some(std::size_t room);
    bool starved() const noexcept;
    void adapt(std::size_t size);
    void process();
    void decode_all();
    decoded decode_next(message& m) noexcept;
    void speak();
    void set_behind(bool yes) noexcept;
    void in_turn(std::function<void(connection&)> what);
    void adopt(std::unique_ptr<oocrpc::codec> next);
    void log_in(std::string user);
    void on_message(message& m);
    void on_peer_gone(std::error_code ec);
    void violation(std::string reason, errc code = errc::protocol_error);
    void on_cancel(const message& m);

    // Writing (connection_writing.cpp).
    void on_written(std::error_code ec) override;
    void flush();
    void write_out();
    void write_rest();
    void forget_written(byte_buffer& b);
    void set_aside();
    std::size_t unsent() const noexcept { return full_bytes_ + out_.size(); }
    encoded put(const message& m);
    void put_answer(const message& m);
    void put_reply(const message& m);
    bool must_pause() noexcept;
    void resume_reading();
    message instead_of(const message& m, encoded fault) const;
    bool congested() const noexcept { return unsent() > options_.limit.max_queued; }

    // Calls that we make (connection_calls.cpp).
    std::int64_t start_call(message& call, const call_options& options,
                            const call_deadline* inherited, dispatcher::waiter&& waiter);
    std::optional<message> refusal(const call_deadline& when, time_point now) const;
    void add_metadata(message& call, const call_options& options) const;
    void refuse(dispatcher::waiter&& waiter, message why);
    void fail_call(std::int64_t id, errc e, std::string detail);
    void send_call(message& call);
    void put_call(const message& call);
    void put_held();
    void on_reply(message& m);
    void abandon(std::int64_t id, message&& outcome);
    void send_cancel(std::int64_t id);
    void send_late_cancels(time_point now);
    void fail_waiters(const rpc_error& reason);
    void probe();
    void send_credit(std::int64_t id, std::int32_t n);

    // Calls of the peer (connection_serve.cpp).
    void on_call(message& call);
    std::optional<message> refuse_call(context& c);
    void count(context& c) noexcept;
    void uncount(context& c) noexcept;
    void charge(context& c, std::size_t more) noexcept;
    maybe_awaitable<message> invoke(context& c, message&& call);
    void run(std::unique_ptr<context> c, awaitable<message> work);
    void wait_for(std::unique_ptr<context> c, pending<message>& answer);
    void finish(context& c, message&& reply);
    void answer(context& c, message reply);
    message to_error(const std::exception_ptr& e) const;
    void cancel_running(context& c);
    void cancel_all_running();
    bool cancel_some(time_point then);
    void on_credit(const message& m);
    awaitable<void> send_item(context& c, bson::value_view item);
    awaitable<void> collect_item(context& c, bson::value_view item);
    std::unique_ptr<context> take_context();
    static void release(std::unique_ptr<context> c);

    // Time and end (connection_time.cpp).
    void arm(time_point at);
    void on_timer();
    static time_point after(time_point since, std::chrono::milliseconds span) noexcept;
    void watch_beginning();
    void watch_frame(std::size_t left);
    std::chrono::milliseconds frame_span() const noexcept;
    bool is_frame_late(time_point now);
    bool is_write_stuck(time_point now) noexcept;
    void end_where_idle(time_point now);
    bool in_use() const noexcept;
    void end_late_calls(time_point now);
    void end_late_handlers();
    time_point next_look(time_point now) const;
    void account() noexcept;
    bool out_of_memory() const noexcept { return options_.memory && options_.memory->exceeded(); }
    const limits& limit() const noexcept { return options_.limit; }
    void linger();
    void close_if_idle();
    bool knows_goaway() const noexcept;
    void say_goaway();
    bool in_grace() const { return state_ == state::draining && clock_.now() < grace_until_; }
    void end(const rpc_error& reason);
    void forget_everybody() noexcept;

    any_io_executor executor_;
    std::unique_ptr<byte_stream> stream_;
    std::unique_ptr<oocrpc::codec> codec_;
    std::shared_ptr<const handler> serve_;
    std::shared_ptr<const connection_options> shared_options_;
    const connection_options& options_; // which these are
    peer_info info_;
    dispatcher dispatcher_;
    oocrpc::clock& clock_;
    std::optional<timer> timer_; // made when it is first armed
    time_point armed_at_ = time_point::max();
    time_point linger_until_ = time_point::max();
    time_point batch_time_{}; // of the read that is being worked on, or of an answer after it
    time_point frame_since_ = time_point::max(); // of a message that is not whole: its beginning,
    std::size_t frame_had_ = 0; // or when it was last looked at, with so many bytes
    time_point stuck_since_ = time_point::max(); // nothing of what is being written has left,
    std::size_t stuck_at_ = 0;                   // while the system kept so many bytes

    byte_buffer in_;
    std::size_t taken_ = 0;       // bytes of it that are decoded
    std::size_t read_size_ = 256; // what a read offers; adapts to what arrives
    std::size_t small_reads_ = 0;
    std::size_t needed_ = 0;            // bytes that the next frame takes, where that is known
    byte_buffer out_;                   // collects while writing_ is under way
    detail::queue<byte_buffer> full_;   // have collected before, and leave before it
    std::size_t full_bytes_ = 0;        // in these
    byte_buffer leaving_;               // what is being written
    std::size_t left_ = 0;              // bytes of it that the stream has taken
    detail::queue<message> held_;       // calls that wait for room in out_
    std::size_t held_bytes_ = 0;        // of these
    std::size_t replies_queued_ = 0;    // unsent bytes that the peer asked for: answers, pongs
    std::optional<promise<void>> room_; // of handlers that wait for room
    state state_ = state::open;
    bool going_away_ = false;
    std::size_t expected_ = 0;   // calls that are on their way from other threads
    std::size_t streams_ = 0;    // of the calls that run
    std::size_t call_bytes_ = 0; // that they hold: arguments, metadata, collected items
    std::size_t accounted_ = 0;  // bytes taken from the memory budget
    std::size_t spent_ = 0;      // of this turn of the loop
    detail::per_second cancels_; // of the peer, which is not read from
    time_point unread_until_{};  // before then, as it has sent too many
    detail::per_second own_cancels_;
    std::vector<std::int64_t> late_cancels_; // that the peer is told of later
    bool probed_ = false;
    bool reading_ = false;
    bool read_filled_ = false; // the last one, so that more may be there
    bool writing_ = false;
    bool flush_posted_ = false;
    bool in_batch_ = false; // answers collect until the whole read is decoded
    bool behind_ = false;   // it has sent more than is its share of a turn of the loop
    bool read_paused_ = false;
    bool paused_for_handlers_ = false; // nothing is being read or written: look for a hang-up
    bool ready_told_ = false;
    bool ending_late_ = false;  // handlers that are late have their turn
    bool muted_ = false;        // after a violation: its error was the last message
    bool peer_has_ids_ = false; // its calls carry ids, so that it knows goaway
    bool heard_ = false;        // the peer has sent a whole message
    bool said_goaway_ = false;
    time_point grace_until_ = time_point::min(); // of the drain
    std::string peer_error_;                     // what the peer said before it hung up
    std::unique_ptr<rpc_error> last_reason_;     // why it ends, while its last bytes go out

    std::vector<std::pair<std::type_index, std::shared_ptr<void>>> sessions_;
    std::shared_ptr<detail::runner_pool> runners_; // null until a handler is a coroutine
    detail::connection_list* list_;                // of the loop, null once that is being destroyed
};

} // namespace oocrpc

#include <oocrpc/detail/initiate_call.hpp>
