#include <oocrpc/url.hpp>

#include <charconv>

#include "mongodb/uri.hpp"
#include "url_text.hpp"
#include <oocrpc/error.hpp>

namespace oocrpc {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
    throw rpc_error(errc::invalid_argument, "'" + shown_url(text) + "': " + std::string(why));
}

std::uint16_t parse_port(std::string_view digits, std::string_view text) {
    unsigned port = 0;
    const auto* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, port);
    if (digits.empty() || error != std::errc() || at != end || port > 65535)
        refuse(text, "the port is not a number from 0 to 65535");
    return static_cast<std::uint16_t>(port);
}

host_port parse_authority(std::string_view part, std::string_view text) {
    const auto bracket = part.starts_with('[') ? part.find(']') : 0;
    if (bracket == part.npos) refuse(text, "'[' without ']'");
    const auto colon = part.find(':', bracket);
    if (colon == part.npos) refuse(text, "a port is missing (host:port)");
    auto host = part.substr(0, colon);
    if (bracket) {
        if (colon != bracket + 1) refuse(text, "text between ']' and the port");
        host = part.substr(1, bracket - 1);
    } else if (part.find(':', colon + 1) != part.npos) {
        refuse(text, "an IPv6 address needs brackets");
    }
    if (host.empty()) refuse(text, "the host is missing");
    return {std::string(host), parse_port(part.substr(colon + 1), text)};
}

/// Takes `user@` off the front of what follows the scheme.
std::string take_user(std::string_view& rest, std::string_view text) {
    const auto at = rest.substr(0, rest.find('/')).rfind('@');
    if (at == rest.npos) return {};
    const auto part = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (part.find(':') != part.npos)
        refuse(text, "a URL of this kind has no password, which others could see: programs take it "
                     "from --password-file FILE, from the environment or from the terminal, code "
                     "gives it in client_options");
    auto user = percent_decoded(part);
    if (!user || part.find('@') != part.npos || user->find('\0') != user->npos)
        refuse(text, "special characters of a user are written as '%' and two hexadecimal digits");
    if (user->empty()) refuse(text, "the user is missing");
    return std::move(*user);
}

} // namespace

url url::parse(std::string_view text) {
    const auto mark = text.find("://");
    if (mark == text.npos)
        refuse(text, "not a URL (oocrpc://host:port or oocrpc+unix:///path is expected)");
    const auto scheme = text.substr(0, mark);
    if (scheme == "mongodb" || scheme == "mongodb+srv") return mongodb::parse_uri(text);
    auto rest = text.substr(mark + 3);
    url u;
    if (scheme.starts_with("oocrpc")) u.user = take_user(rest, text);
    if (scheme == "oocrpc+unix") {
        if (!rest.starts_with('/')) refuse(text, "the path of a Unix socket must be absolute");
        // sockaddr_un holds 108 bytes with the NUL.
        if (rest.size() > 107) refuse(text, "the path of a Unix socket is limited to 107 bytes");
        u.protocol = "oocrpc";
        u.via = transport::unix_socket;
        u.path = rest;
        return u;
    }
    u.tls = scheme == "oocrpcs";
    if (scheme != "oocrpc" && !u.tls)
        refuse(text, "unknown scheme '" + std::string(scheme) +
                         "' (oocrpc, oocrpcs, oocrpc+unix, mongodb)");
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find('/') != rest.npos) refuse(text, "a path has no meaning here");
    auto [host, port] = parse_authority(rest, text);
    u.protocol = "oocrpc";
    u.host = std::move(host);
    u.port = port;
    return u;
}

std::string url::to_string() const {
    if (protocol == "mongodb") return mongodb::to_uri(*this);
    std::string who;
    if (!user.empty()) percent_encode(who, user);
    if (!who.empty()) who.push_back('@');
    if (via == transport::unix_socket) return protocol + "+unix://" + who + path;
    const bool v6 = host.find(':') != host.npos;
    return protocol + (tls ? "s" : "") + "://" + who + (v6 ? "[" + host + "]" : host) + ":" +
           std::to_string(port);
}

host_port host_port::parse(std::string_view text) {
    return parse_authority(text, text);
}

} // namespace oocrpc
