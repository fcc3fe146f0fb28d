#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client_codec_login.hpp"
#include "command_names.hpp"
#include "handshake.hpp"
#include "outgoing_requests.hpp"
#include "reply_reading.hpp"

namespace oocrpc {

namespace bson {
class element_writer;
}
namespace mongodb {
struct command_fields;
}

/// What mongodb_client_codec keeps between calls.
///
/// Messages that are decoded have views into what was fed, `unpacked_` or `scratch_`, all good
/// until the next one is decoded.
struct mongodb_client_codec::state {
    state(mongodb_client_options options, std::size_t max_message, std::size_t max_depth);

    bool ready() const noexcept { return stage_ == stage::ready; }
    bool takes_commands() const noexcept { return ready() && !server_.ours; }
    decoded decode(bytes in, message& out);
    encoded encode(const message& m, byte_buffer& out);
    void speak(byte_buffer& out);

  private:
    using cursor_fields = mongodb::cursor_fields;
    using reply_fields = mongodb::reply_fields;
    using outgoing = mongodb::outgoing;

    enum class stage {
        begin,      ///< nothing was sent
        greeted,    ///< hello was sent
        refused,    ///< hello was answered with an error: isMaster is to be sent
        is_master,  ///< it was sent
        login,      ///< a command that logs in is to be sent
        logging_in, ///< it was sent
        ready,
    };
    /// A cursor that a call reads, or will once its first reply is there.
    struct stream {
        std::int64_t cursor = 0;
        std::string database;
        std::string collection;
        std::int64_t credit = 0;  ///< items that the caller takes; below 0 where it got more
        std::int32_t request = 0; ///< that is not answered yet, 0 none
        bool collects = false;    ///< the caller takes one array
        byte_buffer collected;    ///< elements of that array, behind room for its length
        std::size_t count = 0;    ///< of them
    };
    /// A batch of items that is being handed out.
    struct batch {
        std::int64_t id = 0;   ///< of the call, 0 none
        std::size_t at = none; ///< where the next element stands in the message
        std::size_t size = 0;  ///< of the message as it was fed
        bool last = false;     ///< the cursor is exhausted

        static constexpr std::size_t none = SIZE_MAX;
    };
    struct doomed {
        std::int64_t cursor;
        std::string database;
        std::string collection;
    };

    // Requests (client_codec_requests.cpp). Those that write throw as the BSON writer does, and
    // message_too_large for what exceeds a limit.
    encoded call(const message& m, byte_buffer& out);
    bool write_call(const message& m, const mongodb::name_parts& to, std::int32_t request_id,
                    byte_buffer& out);
    bool write_method(const message& m, std::string_view database, std::string_view name,
                      byte_buffer& out) const;
    void write_document(const message& m, const mongodb::command_fields& f,
                        std::string_view database, byte_buffer& out) const;
    void write_extras(bson::element_writer& w, const message& m) const;
    void write_section(std::string_view name, bytes array, byte_buffer& out) const;
    void remember(const message& m, bool whole, std::int32_t request_id);
    encoded cancel(std::int64_t id, byte_buffer& out);
    encoded grant(const message& m, byte_buffer& out);
    void get_more(std::int64_t id, stream& s, byte_buffer& out);
    void kill_operation(std::int32_t request_id, byte_buffer& out);
    void kill_cursor(const doomed& d, byte_buffer& out);
    void forget(std::int32_t request_id);
    void write_login(byte_buffer& out);

    // Replies (client_codec_replies.cpp). A text that is returned says what is wrong.
    std::string read(bytes message, oocrpc::message& out);
    std::string read_msg(bytes message, oocrpc::message& out);
    std::string read_reply_operation(bytes message);
    std::string read_handshake(bytes reply);
    std::string greeted(bytes reply);
    std::string follow_login();
    std::int32_t origin(const mongodb::header& head, bool more);
    void answer(const outgoing& to, const reply_fields& f, bytes reply, bool more,
                oocrpc::message& out);
    void fail(std::int64_t id, const reply_fields& f, bytes reply, oocrpc::message& out);
    void end(const outgoing& to, const reply_fields& f, bytes reply, oocrpc::message& out);
    void begin_batch(const outgoing& to, stream& s, bytes cursor, bool more);
    void collect(std::int64_t id, stream& s, bytes cursor, oocrpc::message& out);
    void follow(stream& s, const cursor_fields& c);
    decoded next_item(bytes in, oocrpc::message& out);
    decoded end_batch(oocrpc::message& out);
    bson::value_view item_of(bson::value_view element) const noexcept;
    void tidy();

    mongodb_client_options options_;
    std::size_t max_message_; ///< of ours
    std::size_t largest_reply_;
    std::size_t max_depth_;
    // What may be sent.
    std::size_t largest_document_;
    std::size_t largest_request_;

    stage stage_ = stage::begin;
    std::optional<mongodb::login_conversation> login_; ///< until it is done
    std::int32_t hello_ = 0; ///< requestID of the handshake's request under way
    mongodb::server_facts server_;
    mongodb::outgoing_requests requests_;
    /// Replies with moreToCome: the requestID of the latest, and the request that it answers.
    std::vector<std::pair<std::int32_t, std::int32_t>> chains_;
    std::unordered_map<std::int64_t, stream> streams_;
    std::vector<std::int64_t> due_; ///< streams whose batch was handed out
    std::vector<doomed> doomed_;    ///< cursors to be killed
    batch batch_;
    /// The message being read, where that is not what was fed: unpacked_ or merged_.
    const byte_buffer* instead_ = nullptr;
    const std::uint8_t* base_ = nullptr; ///< of that message, while it is being read
    mongodb::op_msg msg_;
    byte_buffer unpacked_;
    byte_buffer merged_;
    byte_buffer scratch_;
};

} // namespace oocrpc
