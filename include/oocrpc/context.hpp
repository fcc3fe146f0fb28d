#pragma once

#include <memory>
#include <optional>
#include <string>
#include <typeindex>

#include <oocrpc/asio.hpp>
#include <oocrpc/byte_buffer.hpp>
#include <oocrpc/call_deadline.hpp>
#include <oocrpc/limits.hpp>
#include <oocrpc/message.hpp>
#include <oocrpc/pending.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/tls_info.hpp>

namespace oocrpc {

class connection;
namespace detail {
struct call_scope;
class runner_pool;
} // namespace detail

/// Who is at the other end of a connection.
struct peer_info {
    std::string address;                           ///< `127.0.0.1:4711`, `unix`, `memory`
    std::string protocol;                          ///< the codec's name
    std::string user;                              ///< empty: not authenticated
    std::shared_ptr<const tls_info> tls = nullptr; ///< null: not encrypted
};

/// One running call, as its handler sees it.
///
/// Made by the connection, lives until the call is answered, used on the connection's executor.
/// A cancelled or expired call is told through the cancellation slot of the handler's coroutine:
/// what it awaits throws `cancelled`.
class context {
  public:
    explicit context(connection& c);
    ~context();
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    /// The name that was called.
    const std::string& method() const noexcept { return method_; }
    /// What the caller sent beside the arguments.
    const metadata& meta() const noexcept { return meta_; }
    /// What is sent back beside the result.
    metadata& reply_meta() noexcept { return reply_meta_; }
    /// When the call has to be over. The calls that its handler makes inherit it.
    const call_deadline& deadline() const noexcept { return deadline_; }
    /// Ends the call after `span` at the latest, as a deadline of the server's.
    void end_after(std::chrono::milliseconds span);
    const peer_info& info() const noexcept;
    /// Whose call it is: that of act_as(), else the connection's user when the call came, whoever
    /// logs in or out while it runs; empty: nobody's.
    const std::string& user() const noexcept { return user_; }
    /// What the connection allows.
    const oocrpc::limits& limits() const noexcept;
    /// The connection that the call came on; `peer` makes calls on it.
    std::shared_ptr<connection> shared_connection() const;
    /// The executor that the call runs on.
    any_io_executor executor() const;

    /// True once the caller gave up, went away, or the deadline passed.
    bool cancelled() const noexcept { return cancelled_; }
    /// Says that the answer is a stream, also if it turns out to have no item. send() implies it.
    void open_stream();
    /// True where the caller takes a stream of items.
    bool streaming() const noexcept { return streaming_; }
    /// Items that may be sent now without waiting for the caller; a stream's first window.
    std::int32_t credit() const noexcept { return credit_; }
    /// True where nobody waits for the answer.
    bool oneway() const noexcept { return oneway_; }
    /// Cancels the call, as its caller or a deadline does.
    void cancel();

    /// Sends one item of a stream, waiting for credit and for room in the connection.
    ///
    /// Where the caller takes no stream, the items are collected and answered as one array.
    /// The item's bytes must stay until this returns. Throws `cancelled`, or `message_too_large`
    /// where the collected array exceeds the limit of a message.
    awaitable<void> send(bson::value_view item);

    /// `f` is told the answer when the call is over, whatever it waits for until then; where nobody
    /// is answered any more, as when the loop ends, it is destroyed. What it throws goes to
    /// on_unhandled().
    void at_end(detail::unique_function<const message&> f) { at_end_.push_back(std::move(f)); }
    /// The answer that a callback brings; see handler.
    pending<message>& later() noexcept { return later_; }

    /// A buffer for the bytes of the result, empty at the beginning of the call, so that a reply
    /// can view them without allocating.
    byte_buffer& scratch() noexcept { return scratch_; }

    // For layers that translate calls.

    /// Goes on as a call of `name`.
    void retarget(std::string_view name) { method_.assign(name); }
    /// The caller takes no stream any more: items are collected. Returns the credit that it gave.
    std::int32_t take_window() noexcept;
    /// Puts the items that were collected into `reply`, as the connection does at the end.
    void collect_into(message& reply);
    /// Goes on as a call of its own after a part of it was answered: forgets result and items.
    void restart();
    /// The connection, and this call, is this user's from now on; empty: nobody's.
    void log_in(std::string user);
    /// This call is this user's, as it carries a token.
    void act_as(std::string user);
    /// True where act_as() has told the user.
    bool by_token() const noexcept { return by_token_; }
    /// What the caller sent as `name` is not for the handlers behind the layer.
    void forget_meta(std::string_view name) { meta_.remove(name); }
    /// The one T of the connection, made when it is first asked for, destroyed with the end of the
    /// connection, on its executor.
    template <class T> T& session() {
        auto& kept = session_slot(typeid(T));
        if (!kept) kept = std::make_shared<T>();
        return *static_cast<T*>(kept.get());
    }

  private:
    friend class connection;
    friend class detail::runner_pool;

    struct collected; // the items of a stream, for a caller that takes none

    void begin(connection& on, message& call);
    void tell_end(const message& answer) noexcept;
    void end(); // gives back what the call took
    std::shared_ptr<void>& session_slot(std::type_index which);

    connection* connection_;
    pending<message> later_;
    std::vector<detail::unique_function<const message&>> at_end_;
    std::string method_;
    std::string user_;
    metadata meta_;
    metadata reply_meta_;
    call_deadline deadline_;
    call_deadline::clock_type::time_point begun_{};
    byte_buffer scratch_;
    std::int64_t wire_id_ = 0;
    std::int64_t key_ = 0; // of the dispatcher, while it waits
    std::size_t size_ = 0; // of what it holds, in bytes: arguments, metadata, collected items
    std::int32_t credit_ = 0;
    bool by_token_ = false;
    bool counted_ = false; // by the connection, and as a stream
    bool counted_stream_ = false;
    bool streaming_ = false;
    bool oneway_ = false;
    bool cancelled_ = false;
    bool expired_ = false;
    asio::cancellation_signal* signal_ = nullptr; // of whatever the call waits for
    detail::call_scope* scope_ = nullptr;         // what that runner hands on
    std::unique_ptr<collected> collected_;
    std::optional<promise<void>> credit_wait_;
};

} // namespace oocrpc
