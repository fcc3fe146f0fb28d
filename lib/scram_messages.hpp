#pragma once

// The four messages of SCRAM as RFC 5802, section 7 writes them.

#include <oocrpc/scram.hpp>

namespace oocrpc::scram {

// What is read from each message; nothing else of it counts where `why` is not `none`. Bytes that
// travel in base64 stand here as bytes.

struct client_first {
    failure why = failure::none;
    std::string header = {}; ///< of GS2: `n,,`
    std::string user = {};
    std::string nonce = {};
    std::string bare = {}; ///< the message without its header
};

struct server_first {
    failure why = failure::none;
    std::string nonce = {};
    std::string salt = {};
    std::uint32_t iterations = 0; ///< the greatest number there is where it does not fit
};

struct client_final {
    failure why = failure::none;
    std::string header = {};
    std::string nonce = {};
    std::string proof = {};
    std::string without_proof = {};
};

struct server_final {
    failure why = failure::none;
    std::string signature = {};
};

client_first read_client_first(std::string_view message);
server_first read_server_first(std::string_view message);
client_final read_client_final(std::string_view message);
server_final read_server_final(std::string_view message);

/// A name as it stands in a message: without commas and equals signs.
std::string escaped(std::string_view name);

} // namespace oocrpc::scram
