#include "uri.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "../url_text.hpp"
#include <oocrpc/error.hpp>

namespace oocrpc::mongodb {
namespace {

constexpr std::string_view scheme = "mongodb://";
constexpr const char* escaped =
    "special characters of user and password are written as '%' and two hexadecimal digits, '@' "
    "as '%40', ':' as '%3A', '/' as '%2F'";
// sockaddr_un holds 108 bytes with the NUL.
constexpr std::size_t longest_path = 107;

/// Names of options are the same in any case; `lower` is in lower case.
bool is(std::string_view name, std::string_view lower) {
    return std::ranges::equal(name, lower, {}, [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
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
        const auto path = std::min(rest.find_first_of("/?"), rest.size());
        auto hosts = rest.substr(0, path);
        url u;
        u.protocol = "mongodb";
        const auto at = hosts.rfind('@');
        if (at != hosts.npos) {
            read_user(hosts.substr(0, at), u);
            hosts.remove_prefix(at + 1);
        } else if (rest.substr(0, rest.find('?')).find('@') != rest.npos) {
            refuse(escaped);
        }
        read_hosts(hosts, u);
        if (path == rest.size()) return u;
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
        throw rpc_error(errc::invalid_argument, "'" + shown_url(text_) + "': " + why);
    }

    std::string decode(std::string_view part) const {
        auto out = percent_decoded(part);
        if (!out) refuse("'%' is not followed by two hexadecimal digits");
        if (out->find('\0') != out->npos) refuse("'%00' has no meaning in a URL");
        return std::move(*out);
    }

    /// `user[:password]`, in front of the last '@' before the path.
    void read_user(std::string_view part, url& u) const {
        const auto colon = part.find(':');
        // What is not escaped may have ended the part in the wrong place.
        const bool several = colon != part.npos && part.find(':', colon + 1) != part.npos;
        if (several || part.find_first_of("@[]#") != part.npos) refuse(escaped);
        u.user = decode(part.substr(0, colon));
        if (u.user.empty()) refuse("the user is missing");
        if (colon != part.npos) u.password = decode(part.substr(colon + 1));
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

void append_host(std::string& out, const std::string& host, std::uint16_t port) {
    const bool v6 = host.find(':') != host.npos;
    if (v6) out.push_back('[');
    percent_encode(out, host, v6 ? ':' : '-');
    out.append(v6 ? "]:" : ":").append(std::to_string(port));
}

} // namespace

bool asks_for_tls(std::string_view name) {
    return is(name, "tls") || is(name, "ssl");
}

url parse_uri(std::string_view text) {
    return reader(text).read();
}

std::string to_uri(const url& u) {
    std::string out(scheme);
    if (!u.user.empty()) {
        percent_encode(out, u.user);
        out.push_back('@');
    }
    if (u.via == url::transport::unix_socket)
        percent_encode(out, u.path);
    else
        append_host(out, u.host, u.port);
    for (const auto& other : u.others) append_host(out.append(","), other.host, other.port);
    auto options = u.options;
    std::erase_if(options, [](const auto& o) { return is_secret_option(o.first); });
    if (u.tls && std::ranges::none_of(options, [](const auto& o) { return asks_for_tls(o.first); }))
        options.emplace_back("tls", "true");
    if (!u.database.empty() || !options.empty()) out.push_back('/');
    percent_encode(out, u.database);
    char before = '?';
    for (const auto& [name, value] : options) {
        out.push_back(std::exchange(before, '&'));
        percent_encode(out, name);
        out.push_back('=');
        percent_encode(out, value);
    }
    return out;
}

} // namespace oocrpc::mongodb
