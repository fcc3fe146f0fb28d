#pragma once

#include <vector>

#include <oocrpc/client_login.hpp>
#include <oocrpc/codec.hpp>

namespace oocrpc {

/// What a client tells a MongoDB server about itself.
struct mongodb_client_options {
    std::string database = "admin"; ///< of methods that name none
    std::string application;        ///< for the server's log, at most 128 bytes
    /// zlib, snappy, zstd, in the order of preference; none: nothing is compressed.
    std::vector<std::string> compressors;
    /// Who logs in before any call is sent; null: nobody.
    std::shared_ptr<client_login> login;
    /// The stream is, so that a password may be sent.
    bool encrypted = false;
};

/// The client's side of MongoDB's wire protocol (PROTOCOL section 2.3).
///
/// A call of `service.method` is the command `{method: arguments, $db: service}`; its result is the
/// key `reply` of what comes back, else the whole reply without what belongs to the protocol. A
/// call of `database.$cmd` has a whole command as its body, and the whole reply as its result, raw.
/// Calls wait for the handshake, hello or the isMaster of before, which says whether the server
/// is one of ours: only those know `$oocrpc` (streams, metadata) and killOp by requestID; and for
/// the login, where there is one. A login that fails ends the connection with `unauthenticated`.
///
/// A call that takes a stream gets the documents of a cursor as items, in batches that it is
/// granted; they are asked for with getMore as credit arrives, and a cancel kills the cursor.
/// Replies that nobody waits for are ignored. An error that the server answers keeps, raw, the
/// whole document as its body.
class mongodb_client_codec final : public codec {
  public:
    /// `max_message` in bytes: the largest reply is 64 KiB more, the largest command 16 KiB more
    /// without the documents that it inserts; the server's limits count besides. Depth counts
    /// documents.
    explicit mongodb_client_codec(mongodb_client_options options = {},
                                  std::size_t max_message = 16u << 20, std::size_t max_depth = 100);
    ~mongodb_client_codec() override;

    std::string_view protocol() const noexcept override { return "mongodb"; }
    bool ready() const noexcept override;
    /// True for servers that are none of ours.
    bool takes_commands() const noexcept override;
    decoded decode(bytes in, message& out) override;
    encoded encode(const message& m, byte_buffer& out) override;
    /// The handshake, getMore, and what kills cursors that nobody wants any more.
    void speak(byte_buffer& out) override;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace oocrpc
