#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <oocrpc/bson.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/metadata.hpp>

namespace oocrpc {

/// What a message is for, whatever protocol carries it.
enum class message_kind : std::uint8_t {
    call,    ///< caller to callee: method, arguments, timeout, metadata
    reply,   ///< callee to caller: the result, or the end of a stream
    item,    ///< callee to caller: one item of a stream, more follow
    error,   ///< callee to caller: the call failed
    cancel,  ///< caller to callee: stop working on call `id`
    credit,  ///< caller to callee: `credit` more items may be sent on stream `id`
    ping,    ///< liveness; `id` comes back in the pong
    pong,    ///< liveness
    goaway,  ///< server to client: finish what is in flight, place new calls elsewhere
    ignored, ///< well-formed, of no meaning to us
};

/// What went wrong with a call, as it travels.
struct failure {
    std::string message; ///< stable identifier
    std::string detail;  ///< for a person
    int code = static_cast<int>(errc::application);
};

/// The body of a call without arguments: not even null.
inline constexpr bson::value_view absent{bson::type{}, {}};
inline bool present(const bson::value_view& v) noexcept {
    return v.t != bson::type{};
}

/// One message of an RPC protocol, the same for every protocol.
///
/// `method` and `body` are views: into the connection's read buffer for a message that was just
/// received, into storage of the message's own after own() and in every copy. A handler that
/// suspends, and whoever keeps a message, calls own() first; coroutine handlers of a service get
/// an owning one. Moving keeps what the views point to. Value type, bound to no thread.
class message {
  public:
    /// The call to `method`; `arguments` absent means none.
    static message call(std::string_view method, bson::value_view arguments = absent);
    static message reply(std::int64_t id, bson::value_view result);
    static message error(std::int64_t id, const rpc_error& e);
    static message error(std::int64_t id, errc e, std::string detail);
    /// A message of `kind` about call `id`, without content.
    static message control(message_kind kind, std::int64_t id);

    message() = default;
    message(message&&) noexcept = default;
    message& operator=(message&&) noexcept = default;
    /// A copy owns what it refers to.
    message(const message& other);
    message& operator=(const message& other) { return *this = message(other); }

    /// Copies what `method` and `body` refer to into the message, unless that was done before.
    void own();

    /// The failure of an `error` as what a coroutine throws.
    rpc_error to_exception() const;
    /// No error for a reply, the failure's code for an error.
    std::error_code to_error_code() const noexcept;

    message_kind kind = message_kind::ignored;
    bool oneway = false; ///< call: nothing is to be answered, not even an error
    /// call, reply, error: the body is a whole document in the words of the protocol itself,
    /// neither arguments nor a result; for the layers that answer a protocol's own commands
    bool raw = false;
    std::int32_t credit = 0;        ///< call: items of a stream that the caller accepts, 0 none;
                                    ///< item: 1 in a batch that was asked for as a whole
    std::int64_t id = 0;            ///< 0: the peer knows no ids and is answered in order
    std::int64_t timeout_ms = -1;   ///< call: what is left of the caller's deadline, -1 none
    std::string_view method;        ///< call: `method` or `service.method`; goaway: the reason
    bson::value_view body = absent; ///< call: arguments, absent for none; reply, item: the value
    metadata meta;                  ///< call, reply, error
    std::unique_ptr<failure> fault; ///< error: never null then

  private:
    std::unique_ptr<std::uint8_t[]> storage_;
};

} // namespace oocrpc
