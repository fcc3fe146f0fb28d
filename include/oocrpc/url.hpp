#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oocrpc {

/// Host and port, as `127.0.0.1:80` or `[::1]:80`; throws like url::parse.
struct host_port {
    std::string host;
    std::uint16_t port = 0;

    static host_port parse(std::string_view text);
    bool operator==(const host_port&) const = default;
};

/// Where a server listens or is found: `oocrpc://[user@]host:port` (IPv6 addresses in brackets),
/// encrypted `oocrpcs://[user@]host:port`, `oocrpc+unix://[user@]/path`, or
/// `mongodb://[user[:password]@]host[:port][,host[:port]...]/[database][?options]`, where a host
/// may also be the path of a Unix socket with `%2F` for each `/`. Value type.
struct url {
    enum class transport { tcp, unix_socket };

    std::string protocol; ///< "oocrpc", "mongodb"; what picks the codec
    transport via = transport::tcp;
    std::string host;
    std::uint16_t port = 0;        ///< 0 lets a listener pick a free one
    std::string path;              ///< unix_socket: where the socket is in the file system
    std::vector<host_port> others; ///< where the server also may be, tried in order
    bool tls = false;              ///< encrypted: `oocrpcs`, or the option `tls=true`
    std::string user;              ///< who logs in; empty: nobody
    std::string password;          ///< never in to_string()
    std::string database;          ///< the service of methods that name none
    std::vector<std::pair<std::string, std::string>> options; ///< `?name=value&...`, decoded

    /// Reads a URL; throws rpc_error(invalid_argument) that says what is wrong with which URL,
    /// shown without user and password.
    static url parse(std::string_view text);
    /// What parse() reads as this again, but for passwords, which are left out.
    std::string to_string() const;
    bool operator==(const url&) const = default;
};

} // namespace oocrpc
