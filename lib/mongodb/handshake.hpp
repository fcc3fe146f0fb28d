#pragma once

#include <optional>
#include <string>

#include <oocrpc/mongodb_client_codec.hpp>

#include "client_codec_login.hpp"
#include "compression.hpp"
#include "wire.hpp"

namespace oocrpc::mongodb {

/// What a server has said about itself.
struct server_facts {
    bool ours = false;                              ///< its hello has the key `oocrpc`
    std::size_t max_document = 16u << 20;           ///< bytes
    std::size_t max_message = largest_message;      ///< bytes
    std::size_t max_batch = largest_batch;          ///< documents of an insert, update or delete
    std::optional<mongodb::compressor> compression; ///< the one that both want
};

/// Appends the first message of a connection, hello, which begins the login where there is one.
void write_hello(const mongodb_client_options& options, login_conversation* login,
                 std::int32_t request_id, byte_buffer& out);
/// The same for servers of before hello.
void write_is_master(const mongodb_client_options& options, login_conversation* login,
                     std::int32_t request_id, byte_buffer& out);
/// Reads what answers either. Returns why the server cannot be used, or an empty text.
std::string read_hello(bytes reply, const mongodb_client_options& options, server_facts& out);

} // namespace oocrpc::mongodb
