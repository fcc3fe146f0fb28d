#pragma once

#include <optional>
#include <string>

#include <oocrpc/mongodb_server_codec.hpp>

#include "command_reading.hpp"
#include "legacy_requests.hpp"
#include "pending_requests.hpp"

namespace oocrpc {

/// What mongodb_server_codec keeps between calls, and its reading of requests.
///
/// The message that a read function makes has views into the request, `unpacked`, `scratch` and
/// `method`, all good until the next one is decoded. Each returns what is wrong, or an empty text.
struct mongodb_server_codec::state {
    state(std::size_t max_message, std::size_t max_depth, std::size_t max_elements);

    /// One whole message, which may be compressed.
    std::string read(bytes message, oocrpc::message& out);
    encoded answer(const message& m, byte_buffer& out);
    /// Appends the answers that no handler makes.
    void speak(byte_buffer& out);
    /// Gives back what one large request has taken.
    void tidy();

    const std::size_t own_limit;
    std::size_t largest_request;
    std::size_t largest_answer;         // a document of it
    mongodb::document_limits documents; // of a request

  private:
    std::string read_plain(bytes message, oocrpc::message& out);
    std::string read_msg(bytes message, oocrpc::message& out);
    std::string read_query(bytes message, oocrpc::message& out);
    std::string read_get_more(bytes message, oocrpc::message& out);
    std::string read_kill_cursors(bytes message, oocrpc::message& out);
    std::string read_insert(bytes message, oocrpc::message& out);
    template <class Operation> std::string ignore(bytes message, oocrpc::message& out);

    /// The command that is `document`: a call, one of MongoDB's own, or a cancellation.
    void take(const mongodb::command& c, bytes document, oocrpc::message& out);
    void call(const mongodb::command& c, bytes document, oocrpc::message& out);
    void own_command(std::string_view name, const mongodb::command& c, bytes document,
                     oocrpc::message& out);
    /// The command that is in scratch.
    void built(std::string_view database, std::string_view name, oocrpc::message& out);
    std::string refuse(const std::string& why, oocrpc::message& out);
    bool is_whole(const mongodb::command& c) const noexcept;
    bool is_cancel(std::string_view name, bytes document, oocrpc::message& out);
    void name_method(std::string_view database, std::string_view name, oocrpc::message& out);
    void expect_answer(oocrpc::message& out);

    mongodb::pending_requests pending_;
    mongodb::request current_; // of the message that is being read
    bool answered_ = false;    // current_ is a request that an error can answer
    std::optional<mongodb::request> blamed_;
    mongodb::op_msg msg_;  // keeps its memory
    byte_buffer refusals_; // answers to commands that no handler gets to see
    std::string method_;
    byte_buffer scratch_;
    byte_buffer unpacked_;
    std::uint32_t last_answer_ = 0; // requestID
};

} // namespace oocrpc
