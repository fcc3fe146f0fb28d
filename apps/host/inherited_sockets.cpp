#include "inherited_sockets.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "environment.hpp"
#include "exit.hpp"

namespace host {
namespace {

constexpr int first_socket = 3; // SD_LISTEN_FDS_START
constexpr int most_sockets = 4096;

/// An address as the system has it.
union address {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
    sockaddr_storage all;
};

struct bound_address {
    address at{};
    socklen_t size = sizeof(at);
};

std::optional<bound_address> bound_address_of(int socket) {
    bound_address b;
    if (::getsockname(socket, &b.at.any, &b.size) != 0) return std::nullopt;
    return b;
}

int option_of(int socket, int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(socket, level, name, &value, &size) == 0 ? value : -1;
}

std::string path_of(const bound_address& b) {
    constexpr auto before = offsetof(sockaddr_un, sun_path);
    if (b.size <= before) return {};
    std::string path(b.at.local.sun_path, b.size - before);
    if (path.front() == '\0') {
        path.front() = '@';
        return path;
    }
    return path.substr(0, path.find('\0'));
}

std::string text_of(const bound_address& b) {
    char host[INET6_ADDRSTRLEN] = "";
    switch (b.at.any.sa_family) {
    case AF_INET:
        ::inet_ntop(AF_INET, &b.at.v4.sin_addr, host, sizeof(host));
        return std::string(host) + ":" + std::to_string(ntohs(b.at.v4.sin_port));
    case AF_INET6:
        ::inet_ntop(AF_INET6, &b.at.v6.sin6_addr, host, sizeof(host));
        return "[" + std::string(host) + "]:" + std::to_string(ntohs(b.at.v6.sin6_port));
    case AF_UNIX:
        return path_of(b);
    default:
        return "an address of family " + std::to_string(b.at.any.sa_family);
    }
}

std::string problem_of(int socket, int family) {
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return "neither TCP nor Unix";
    if (option_of(socket, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) return "no stream socket";
    if (option_of(socket, SOL_SOCKET, SO_ACCEPTCONN) != 1) return "does not listen";
    return {};
}

bool is_any(const in6_addr& a) {
    return IN6_IS_ADDR_UNSPECIFIED(&a);
}

/// Whether a socket bound to `b` is what binding to `wanted` would give.
bool same(int socket, const bound_address& b, const sockaddr& wanted) {
    if (b.at.any.sa_family == AF_INET6 && wanted.sa_family == AF_INET) {
        const auto& w = reinterpret_cast<const sockaddr_in&>(wanted);
        return w.sin_addr.s_addr == htonl(INADDR_ANY) && is_any(b.at.v6.sin6_addr) &&
               b.at.v6.sin6_port == w.sin_port && option_of(socket, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    }
    if (b.at.any.sa_family != wanted.sa_family) return false;
    if (wanted.sa_family == AF_INET) {
        const auto& w = reinterpret_cast<const sockaddr_in&>(wanted);
        return b.at.v4.sin_addr.s_addr == w.sin_addr.s_addr && b.at.v4.sin_port == w.sin_port;
    }
    const auto& w = reinterpret_cast<const sockaddr_in6&>(wanted);
    return std::memcmp(&b.at.v6.sin6_addr, &w.sin6_addr, sizeof(w.sin6_addr)) == 0 &&
           b.at.v6.sin6_port == w.sin6_port;
}

bool resolves_to(const inherited_socket& s, const bound_address& b, const oocrpc::url& at) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const auto port = std::to_string(at.port);
    if (::getaddrinfo(at.host.c_str(), port.c_str(), &hints, &found) != 0) return false;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    for (const auto* a = found; a; a = a->ai_next)
        if (same(s.socket, b, *a->ai_addr)) return true;
    return false;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts(1);
    for (const char c : text)
        if (c == ':')
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

/// How many there are for this process.
int count_for_us() {
    const auto pid = take_variable("LISTEN_PID");
    const auto count = take_variable("LISTEN_FDS");
    if (!pid || !count || number_of<pid_t>(*pid) != ::getpid()) return 0;
    const auto n = number_of<int>(*count);
    if (!n || *n > most_sockets)
        throw failure(bad_configuration, "LISTEN_FDS is '" + *count + "', not a number of sockets");
    return *n;
}

} // namespace

std::vector<inherited_socket> take_inherited_sockets() {
    const auto names = split(take_variable("LISTEN_FDNAMES").value_or(""));
    const auto count = static_cast<std::size_t>(count_for_us());
    std::vector<inherited_socket> all;
    for (std::size_t i = 0; i < count; ++i) {
        const int socket = first_socket + static_cast<int>(i);
        if (::fcntl(socket, F_SETFD, FD_CLOEXEC) != 0)
            throw failure(bad_configuration, "LISTEN_FDS promises " + std::to_string(count) +
                                                 " sockets, but descriptor " +
                                                 std::to_string(socket) + " is not open");
        all.push_back(describe_socket(socket, i < names.size() ? names[i] : ""));
    }
    return all;
}

inherited_socket describe_socket(int socket, std::string name) {
    inherited_socket s;
    s.socket = socket;
    s.name = std::move(name);
    const auto bound = bound_address_of(socket);
    s.address = bound ? text_of(*bound) : "descriptor " + std::to_string(socket);
    s.problem = bound ? problem_of(socket, bound->at.any.sa_family) : "no socket";
    return s;
}

bool is_bound_to(const inherited_socket& s, const oocrpc::url& at) {
    const auto bound = bound_address_of(s.socket);
    if (!bound || !s.problem.empty()) return false;
    const bool local = bound->at.any.sa_family == AF_UNIX;
    if (local != (at.via == oocrpc::url::transport::unix_socket)) return false;
    if (!local) return at.port != 0 && resolves_to(s, *bound, at);
    namespace fs = std::filesystem;
    const auto path = path_of(*bound);
    if (path.empty() || path.front() == '@') return false; // a URL has no abstract names
    return fs::absolute(path).lexically_normal() == fs::absolute(at.path).lexically_normal();
}

} // namespace host
