#pragma once

#include <string>
#include <utility>
#include <vector>

#include <oocrpc/url.hpp>

namespace host {

/// A socket that listened already when the process started.
struct inherited_socket {
    int socket = -1;
    std::string name;    ///< of LISTEN_FDNAMES, for people
    std::string address; ///< `127.0.0.1:9000`, `[::1]:9000`, `/run/x.sock`, `@abstract`, for people
    std::string problem; ///< why nothing can be accepted on it; empty where it can
};

/// The sockets that systemd, or whoever set LISTEN_FDS, bound for this process: sd_listen_fds(3)
/// without its library.
///
/// Called once, before the process forks or starts threads: takes the variables out of the
/// environment, and children by exec do not get the sockets. Empty where there are none or where
/// LISTEN_PID names another process. Throws failure(bad_configuration) where LISTEN_FDS is no
/// number, or more than there are. The sockets are the caller's.
std::vector<inherited_socket> take_inherited_sockets();

/// Describes `socket`, whatever it is.
inherited_socket describe_socket(int socket, std::string name);

/// Whether it is what `at` asks for: bound to the same address and port, or the same path. A host
/// name is resolved, which may take a while, and fits by any of its addresses. 0.0.0.0 is also
/// found where a socket of IPv6 takes both.
bool is_bound_to(const inherited_socket& s, const oocrpc::url& at);

} // namespace host
