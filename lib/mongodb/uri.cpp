#include "uri.hpp"

#include <algorithm>
#include <charconv>

#include <oocrpc/error.hpp>

namespace oocrpc::mongodb {
namespace {

constexpr std::string_view scheme = "mongodb://";
// sockaddr_un holds 108 bytes with the NUL.
constexpr std::size_t longest_path = 107;

/// Names of options are the same in any case; `lower` is in lower case.
bool is(std::string_view name, std::string_view lower) {
    return std::ranges::equal(name, lower, {}, [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
}

bool asks_for_tls(std::string_view name) {
    return is(name, "tls") || is(name, "ssl");
}

/// Reads one URI; a class so that every complaint can quote it.
class reader {
  public:
    explicit reader(std::string_view text) : text_(text) {}

    url read() {
        if (text_.starts_with("mongodb+srv://"))
            refuse("addresses that are looked up in DNS (mongodb+srv) are not supported, name the "
                   "hosts in a mongodb:// URL");
        auto rest = text_.substr(scheme.size());
        const auto path = rest.find_first_of("/?");
        const auto hosts = rest.substr(0, path);
        if (rest.substr(0, rest.find('?')).find('@') != rest.npos)
            refuse("authentication is not supported yet");
        url u;
        u.protocol = "mongodb";
        read_hosts(hosts, u);
        if (path == rest.npos) return u;
        rest.remove_prefix(path);
        const auto query = rest.find('?');
        if (rest.starts_with('/')) u.database = database(rest.substr(1, query - 1));
        if (query != rest.npos) read_query(rest.substr(query + 1), u);
        u.tls = std::ranges::any_of(
            u.options, [](const auto& o) { return asks_for_tls(o.first) && o.second == "true"; });
        if (u.tls && u.via == url::transport::unix_socket) refuse("a Unix socket takes no TLS");
        return u;
    }

  private:
    [[noreturn]] void refuse(const std::string& why) const {
        // The text may go to a log: not with a password.
        std::string shown(text_);
        if (const auto at = shown.rfind('@'); at != shown.npos && at > scheme.size())
            shown.replace(scheme.size(), at - scheme.size(), "***");
        throw rpc_error(errc::invalid_argument, "'" + shown + "': " + why);
    }

    std::string decode(std::string_view part) const {
        std::string out;
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (part[i] != '%') {
                out.push_back(part[i]);
                continue;
            }
            unsigned byte = 0;
            const auto digits = part.substr(i + 1, 2);
            const auto* end = digits.data() + digits.size();
            const auto [at, error] = std::from_chars(digits.data(), end, byte, 16);
            if (digits.size() != 2 || error != std::errc() || at != end)
                refuse("'%' is not followed by two hexadecimal digits");
            if (byte == 0) refuse("'%00' has no meaning in a URL");
            out.push_back(static_cast<char>(byte));
            i += 2;
        }
        return out;
    }

    void read_hosts(std::string_view hosts, url& u) const {
        for (bool first = true;; first = false) {
            const auto comma = hosts.find(',');
            auto one = host(hosts.substr(0, comma));
            const bool path = one.host.starts_with('/');
            if (path && (!first || comma != hosts.npos))
                refuse("a Unix socket stands alone, without other hosts");
            if (path) {
                if (one.host.size() > longest_path)
                    refuse("the path of a Unix socket is limited to 107 bytes");
                u.via = url::transport::unix_socket;
                u.path = std::move(one.host);
            } else if (first) {
                u.host = std::move(one.host);
                u.port = one.port;
            } else {
                u.others.push_back(std::move(one));
            }
            if (comma == hosts.npos) return;
            hosts.remove_prefix(comma + 1);
        }
    }

    host_port host(std::string_view part) const {
        auto name = part;
        auto digits = std::string_view();
        if (part.starts_with('[')) {
            const auto bracket = part.find(']');
            if (bracket == part.npos) refuse("'[' without ']'");
            name = part.substr(1, bracket - 1);
            digits = part.substr(bracket + 1);
            if (!digits.empty() && !digits.starts_with(':'))
                refuse("text between ']' and the port");
        } else if (const auto colon = part.find(':'); colon != part.npos) {
            name = part.substr(0, colon);
            digits = part.substr(colon);
            if (digits.find(':', 1) != digits.npos) refuse("an IPv6 address needs brackets");
        }
        host_port out{decode(name), default_port};
        if (out.host.empty()) refuse("a host is missing");
        if (digits.empty()) return out;
        if (out.host.starts_with('/')) refuse("a Unix socket has no port");
        out.port = port(digits.substr(1));
        return out;
    }

    std::uint16_t port(std::string_view digits) const {
        std::uint16_t port = 0;
        const auto* end = digits.data() + digits.size();
        const auto [at, error] = std::from_chars(digits.data(), end, port);
        if (digits.empty() || error != std::errc() || at != end)
            refuse("the port is not a number from 0 to 65535");
        return port;
    }

    std::string database(std::string_view part) const {
        if (part.find('/') != part.npos)
            refuse("a database is one part of a path; the path of a Unix socket is written with "
                   "'%2F' in place of '/'");
        auto name = decode(part);
        if (name.find_first_of("/\\. \"$*<>:|?") != name.npos)
            refuse("'" + name + "' cannot be the name of a database");
        return name;
    }

    void read_query(std::string_view query, url& u) const {
        while (!query.empty()) {
            const auto end = std::min(query.find('&'), query.size());
            const auto option = query.substr(0, end);
            query.remove_prefix(std::min(end + 1, query.size()));
            const auto equals = option.find('=');
            if (equals == 0 || equals == option.npos)
                refuse("'" + std::string(option) + "' is not an option, NAME=VALUE");
            auto name = decode(option.substr(0, equals));
            auto value = decode(option.substr(equals + 1));
            u.options.emplace_back(std::move(name), std::move(value));
        }
    }

    std::string_view text_;
};

void encode(std::string& out, std::string_view part, char also_plain = '-') {
    constexpr char digits[] = "0123456789ABCDEF";
    for (const char c : part) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~' ||
                           c == also_plain;
        if (plain)
            out.push_back(c);
        else
            out.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
}

void append_host(std::string& out, const std::string& host, std::uint16_t port) {
    const bool v6 = host.find(':') != host.npos;
    if (v6) out.push_back('[');
    encode(out, host, v6 ? ':' : '-');
    out.append(v6 ? "]:" : ":").append(std::to_string(port));
}

} // namespace

url parse_uri(std::string_view text) {
    return reader(text).read();
}

std::string to_uri(const url& u) {
    std::string out(scheme);
    if (u.via == url::transport::unix_socket)
        encode(out, u.path);
    else
        append_host(out, u.host, u.port);
    for (const auto& other : u.others) append_host(out.append(","), other.host, other.port);
    auto options = u.options;
    std::erase_if(options,
                  [](const auto& o) { return is(o.first, "tlscertificatekeyfilepassword"); });
    if (u.tls && std::ranges::none_of(options, [](const auto& o) { return asks_for_tls(o.first); }))
        options.emplace_back("tls", "true");
    if (!u.database.empty() || !options.empty()) out.push_back('/');
    encode(out, u.database);
    char before = '?';
    for (const auto& [name, value] : options) {
        out.push_back(std::exchange(before, '&'));
        encode(out, name);
        out.push_back('=');
        encode(out, value);
    }
    return out;
}

} // namespace oocrpc::mongodb
