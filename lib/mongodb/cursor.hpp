#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include <oocrpc/call_registry.hpp>
#include <oocrpc/clock.hpp>

#include "command_options.hpp"
#include "source.hpp"

namespace oocrpc::mongodb {

/// What a command says of the documents that it wants.
struct cursor_terms {
    std::string ns;                 ///< as `service.method`, what getMore has to name
    std::int64_t skip = 0;          ///< documents at the beginning
    std::int64_t limit = INT64_MAX; ///< documents in all
    bson::value lsid;               ///< of the client's session; null: it has none
    std::string host;               ///< of the client
    std::string user;               ///< of the client; empty: nobody
    std::string method;             ///< whose result it is; empty: what a command lists
};

/// One batch of a cursor, as a command asks for it.
struct batch_request {
    std::int64_t size = 0; ///< documents at most
    bool first = true;     ///< the answer to the command that opens the cursor
    bool last = false;     ///< there will be no other
    /// Where nothing has come by then the batch is empty.
    time_point until = time_point::max();
};

/// The answer of a command to be: documents one by one, and the reply document around them. What is
/// no document becomes {reply: x}.
class batch_writer {
  public:
    batch_writer(byte_buffer& out, bool first);
    /// False where it would be longer than `most` bytes, unless it is the first document.
    bool add(bson::value_view v, std::size_t most);
    std::int64_t count() const noexcept { return count_; }
    /// `number` is 0 where the cursor has come to its end.
    void finish(std::int64_t number, const std::string& ns);

  private:
    byte_buffer& out_;
    bson::document_writer reply_;
    bson::document_writer cursor_;
    bson::array_writer documents_;
    std::int64_t count_ = 0;
};

/// Documents that a client fetches batch by batch, on whatever connection.
///
/// It lives on the executor of the connection that it was opened on; batches are made there. It
/// ends, and its source with it, at its last document, when it is killed or idle for too long, when
/// a batch that was waited for is given up, and with the connection that used it last.
class cursor final : public registered, public std::enable_shared_from_this<cursor> {
  public:
    /// It enters `registry`, and gets its number, if its first batch leaves something for others.
    cursor(any_io_executor home, std::unique_ptr<source> from, cursor_terms terms,
           const command_options& options, const std::shared_ptr<call_registry>& registry)
        : registered(std::move(home)),
          options_(options),
          source_(std::move(from)),
          terms_(std::move(terms)),
          registry_(registry) {}

    /// The whole reply document. Throws what ended the source where no document is before that;
    /// `CursorInUse` while another batch is being made, `CursorKilled` where it is ended meanwhile.
    awaitable<byte_buffer> batch(batch_request ask);
    /// The same for a source that never waits.
    byte_buffer batch_now(batch_request ask);

    void end() override;

    /// 0 before it has one.
    std::int64_t number() const noexcept { return number_; }
    const cursor_terms& terms() const noexcept { return terms_; }
    bool ended() const noexcept { return ended_; }
    std::size_t stored() const noexcept { return stored_; }

    /// Who used it last: an address that tells sessions apart.
    void used_by(const void* session) noexcept { user_ = session; }
    bool is_used_by(const void* session) const noexcept { return user_ == session; }

  private:
    enum class filling { done, dry };

    filling fill(batch_writer& out, const batch_request& ask);
    awaitable<bool> arrives(time_point until);
    void begin_batch();
    void finish_batch(batch_writer& out, const batch_request& ask);
    void keep();

    const command_options options_;
    std::unique_ptr<source> source_;
    cursor_terms terms_;
    std::weak_ptr<call_registry> registry_;
    std::atomic<std::int64_t> number_{0};
    std::atomic<const void*> user_{nullptr};
    std::atomic<bool> ended_{false};
    std::atomic<std::size_t> stored_{0};
    bool busy_ = false;
    std::optional<timer> idle_;
};

} // namespace oocrpc::mongodb
