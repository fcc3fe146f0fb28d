#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <oocrpc/error.hpp>
#include <oocrpc/limits.hpp>
#include <oocrpc/message.hpp>

namespace oocrpc {

/// What decode() found at the front of the bytes that have arrived.
struct decoded {
    enum class state {
        incomplete, ///< not a whole message yet
        message,    ///< one message
        malformed,  ///< what the protocol forbids: the connection ends
        other,      ///< another protocol's, which successor() speaks; nothing was consumed
    };
    state what = state::incomplete;
    /// message: its bytes, 0 where more messages come from the same bytes; incomplete: how many it
    /// takes, 0 not known yet
    std::size_t size = 0;
    std::string reason; ///< malformed: what is wrong and where
    /// malformed: the error that whoever waits gets; `unauthenticated` where a login has failed.
    errc code = errc::protocol_error;
};

/// What became of a message that was to be sent.
enum class encoded {
    done,        ///< its bytes are at the end of the buffer
    unsupported, ///< the protocol has no such message; the buffer is as it was
    too_large,   ///< it exceeds the limit of a message; the buffer is as it was
    invalid,     ///< a text or key in it cannot be carried, as not UTF-8; the buffer is as it was
};

/// Whether a protocol's replies say by id which call they answer.
enum class reply_ids {
    always,
    never,   ///< they come in the order of the calls
    unknown, ///< the first reply of a connection tells
};

/// A wire protocol: bytes to messages and back, one object per connection.
///
/// It has no socket, no coroutine and no clock. It is fed bytes and appends bytes. The messages
/// that it makes are views into what it was fed. What it must remember between a call and its
/// reply it keeps by id. A new protocol is one class of this kind (lib/README.md says how).
class codec {
  public:
    virtual ~codec() = default;

    /// The protocol's name as in a URL's scheme.
    virtual std::string_view protocol() const noexcept = 0;
    virtual reply_ids ids() const noexcept { return reply_ids::always; }
    /// ids() unknown: a method that a peer with ids answers at once, called when a cancel has to
    /// wait until the peer has shown that it is one; empty where there is none.
    virtual std::string_view probe() const noexcept { return {}; }
    /// False while a handshake is under way: calls wait until it is over.
    virtual bool ready() const noexcept { return true; }
    /// True where the other end takes whole commands, calls of `database.$cmd`, and has no methods.
    virtual bool takes_commands() const noexcept { return false; }
    /// Reads the first message of `in` into `out`, which is freshly made.
    virtual decoded decode(bytes in, message& out) = 0;
    /// Appends `m` to `out`, or says why not and leaves `out` as it was.
    virtual encoded encode(const message& m, byte_buffer& out) = 0;
    /// Appends what the protocol says by itself, as a greeting, a handshake's next step, a request
    /// for more of a stream. Called when a connection begins and after what arrived was decoded.
    virtual void speak(byte_buffer&) {}
    /// From now on decode() takes messages of at most `most` bytes, as its own limits have it where
    /// that is less: a connection lets a peer that has not logged in send little.
    virtual void take_at_most(std::size_t most) noexcept { static_cast<void>(most); }
    /// Takes over where decode() found the bytes of another protocol.
    virtual std::unique_ptr<codec> successor() { return nullptr; }
};

/// Makes the codec of one connection that keeps to these limits; called on its executor.
using codec_factory = std::function<std::unique_ptr<codec>(const limits&)>;

} // namespace oocrpc
