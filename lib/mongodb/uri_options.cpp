#include "uri_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "../url_text.hpp"
#include <oocrpc/bson.hpp>
#include <oocrpc/error.hpp>

namespace oocrpc::mongodb {
namespace {

using std::chrono::milliseconds;

// What 0 means where MongoDB takes it for "no limit".
constexpr milliseconds for_ever = std::chrono::hours(24);
constexpr std::size_t longest_application = 128; // bytes, as the handshake specification has it
constexpr std::int64_t most_connections = 10'000;

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// One option of a URI, which says what is wrong with it.
struct option {
    const url& where;
    std::string_view name; ///< as it was typed
    std::string_view value;

    [[noreturn]] void refuse(const std::string& why) const {
        const auto shown = is_secret_option(name) ? "***" : value;
        throw rpc_error(errc::invalid_argument,
                        "the option " + std::string(name) + "=" + std::string(shown) + ": " + why);
    }
    /// Whatever the value; it may be a password.
    [[noreturn]] void unsupported(const std::string& why) const {
        throw rpc_error(errc::invalid_argument, "the option " + std::string(name) + ": " + why);
    }
    std::int64_t number(std::int64_t least, std::int64_t most) const {
        std::int64_t n = 0;
        const auto* end = value.data() + value.size();
        const auto [at, error] = std::from_chars(value.data(), end, n);
        if (value.empty() || error != std::errc() || at != end || n < least || n > most)
            refuse("a number from " + std::to_string(least) + " to " + std::to_string(most) +
                   " is expected");
        return n;
    }
    bool stands_beside(std::string_view other) const {
        return std::ranges::any_of(where.options,
                                   [&](const auto& o) { return lower(o.first) == lower(other); });
    }
    milliseconds span() const { return milliseconds(number(0, INT32_MAX)); }
    milliseconds limit() const {
        const auto given = span();
        return given == given.zero() ? for_ever : given;
    }
    bool flag() const {
        if (value != "true" && value != "false") refuse("true or false is expected");
        return value == "true";
    }
};

constexpr const char* in_command = "a write concern belongs into the command, as writeConcern";

struct reader {
    uri_options out;
    std::optional<milliseconds> selection, socket;

    // What is to be done with an option.
    void application(const option& o) {
        if (o.value.size() > longest_application) o.refuse("at most 128 bytes are allowed");
        out.application = o.value;
    }
    void compressors(const option& o) {
        for (auto rest = o.value;;) {
            const auto comma = rest.find(',');
            const auto one = rest.substr(0, comma);
            if (one != "zlib" && one != "snappy" && one != "zstd" && one != "none")
                o.refuse("'" + std::string(one) + "' is none of zlib, snappy, zstd");
            if (one != "none") out.compressors.emplace_back(one);
            if (comma == rest.npos) return;
            rest.remove_prefix(comma + 1);
        }
    }
    void zlib_level(const option& o) {
        if (o.number(-1, 9) != -1) o.refuse("levels are not supported: -1 is expected");
    }
    void connections(const option& o) {
        if (o.value == "0") o.refuse("a pool without a limit is not supported");
        out.connections = static_cast<std::size_t>(o.number(1, most_connections));
    }
    void connect_timeout(const option& o) { out.connect_timeout = o.limit(); }
    void selection_timeout(const option& o) { selection = o.limit(); }
    void call_timeout(const option& o) { out.call_timeout = o.limit(); }
    void socket_timeout(const option& o) { socket = o.limit(); }
    void direct(const option& o) {
        if (o.flag() && !o.where.others.empty()) o.refuse("the URL names several hosts");
    }
    void primary_only(const option& o) {
        if (o.value != "primary" && o.value != "primaryPreferred")
            o.refuse("only primary and primaryPreferred are supported, as calls go to the first "
                     "host that takes them");
    }
    void write_concern(const option& o) {
        if (o.value != "majority" && o.value != "1") o.refuse(in_command);
    }
    void journal(const option& o) {
        if (o.flag()) o.refuse(in_command);
    }
    void write_timeout(const option& o) {
        if (o.value != "0") o.refuse(in_command);
    }
    void tls(const option& o) {
        if (o.flag() != o.where.tls) o.refuse("tls and ssl contradict each other");
    }
    void tls_ca(const option& o) { out.tls_ca = tls_text(o); }
    void tls_certificate(const option& o) { out.tls_certificate = tls_text(o); }
    void tls_password(const option& o) { out.tls_key_password = tls_text(o); }
    void any_certificate(const option& o) {
        out.allow_invalid_certificates = tls_flag(o, {"tlsInsecure"});
    }
    void any_host(const option& o) { out.allow_invalid_hostnames = tls_flag(o, {"tlsInsecure"}); }
    void insecure(const option& o) {
        out.allow_invalid_certificates = out.allow_invalid_hostnames = tls_flag(o, {});
    }
    // Nobody is asked whether a certificate has been revoked.
    void no_ocsp(const option& o) {
        tls_flag(o, {"tlsInsecure", "tlsAllowInvalidCertificates",
                     "tlsDisableCertificateRevocationCheck"});
    }
    void no_revocation(const option& o) {
        tls_flag(o, {"tlsInsecure", "tlsAllowInvalidCertificates"});
    }
    static std::string tls_text(const option& o) {
        if (!o.where.tls) o.unsupported("it has no meaning without tls=true");
        if (o.value.empty()) o.unsupported("it is empty");
        return std::string(o.value);
    }
    /// Beside one of `others` it would not be clear what is wanted.
    static bool tls_flag(const option& o, std::initializer_list<std::string_view> others) {
        if (!o.where.tls) o.unsupported("it has no meaning without tls=true");
        for (const auto other : others)
            if (o.stands_beside(other)) o.unsupported("it stands beside " + std::string(other));
        return o.flag();
    }
    void mechanism(const option& o) {
        constexpr std::string_view all[]{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "MONGODB-X509"};
        if (std::ranges::find(all, o.value) == std::end(all))
            o.refuse("SCRAM-SHA-256, SCRAM-SHA-1, PLAIN or MONGODB-X509 is expected");
        out.mechanism = o.value;
    }
    void source(const option& o) {
        if (o.value.empty()) o.refuse("the name of a database is expected");
        out.source = o.value;
    }
    void balanced(const option& o) {
        if (o.flag()) o.refuse("load balanced mode is not supported");
    }
    // Without effect here.
    void any_flag(const option& o) { o.flag(); }
    void any_span(const option& o) { o.span(); }
    void any_number(const option& o) { o.number(0, INT32_MAX); }
    void monitoring(const option& o) {
        if (o.value != "auto" && o.value != "poll" && o.value != "stream")
            o.refuse("auto, poll or stream is expected");
    }
    // Refused by name.
    void tls_detail(const option& o) { o.unsupported("certificates are not revoked here"); }
    void properties(const option& o) { o.unsupported("no mechanism here has properties"); }
    void kerberos(const option& o) { o.unsupported("GSSAPI is not supported"); }
    void replica_set(const option& o) {
        o.unsupported("replica sets are not discovered; name the host to call");
    }
    void read_concern(const option& o) {
        o.unsupported("a read concern belongs into the command, as readConcern");
    }
    void tags(const option& o) { o.unsupported("members of a replica set are not selected"); }
    void dns(const option& o) { o.unsupported("addresses are not looked up in DNS (mongodb+srv)"); }
    void proxy(const option& o) { o.unsupported("proxies are not supported"); }
};

struct known {
    std::string_view name; ///< in lower case
    void (reader::*act)(const option&);
};

// https://github.com/mongodb/specifications/blob/master/source/uri-options/uri-options.md
constexpr auto all = std::to_array<known>({
    {"appname", &reader::application},
    {"compressors", &reader::compressors},
    {"zlibcompressionlevel", &reader::zlib_level},
    {"maxpoolsize", &reader::connections},
    {"connecttimeoutms", &reader::connect_timeout},
    {"serverselectiontimeoutms", &reader::selection_timeout},
    {"timeoutms", &reader::call_timeout},
    {"sockettimeoutms", &reader::socket_timeout},
    {"directconnection", &reader::direct},
    {"readpreference", &reader::primary_only},
    {"tls", &reader::tls},
    {"ssl", &reader::tls},
    {"tlscafile", &reader::tls_ca},
    {"tlscertificatekeyfile", &reader::tls_certificate},
    {"tlscertificatekeyfilepassword", &reader::tls_password},
    {"tlsallowinvalidcertificates", &reader::any_certificate},
    {"tlsallowinvalidhostnames", &reader::any_host},
    {"tlsinsecure", &reader::insecure},
    {"tlsdisableocspendpointcheck", &reader::no_ocsp},
    {"tlsdisablecertificaterevocationcheck", &reader::no_revocation},
    {"tlscrlfile", &reader::tls_detail},
    {"loadbalanced", &reader::balanced},
    {"authmechanism", &reader::mechanism},
    {"authsource", &reader::source},
    // Commands are sent as they are: a write concern stands in them, these are the default.
    {"w", &reader::write_concern},
    {"journal", &reader::journal},
    {"wtimeoutms", &reader::write_timeout},
    // Nothing is sent twice, whether it reads or writes.
    {"retryreads", &reader::any_flag},
    {"retrywrites", &reader::any_flag},
    // Connections are opened as calls need them, stay, and take any number of calls at a time.
    {"minpoolsize", &reader::any_number},
    {"maxconnecting", &reader::any_number},
    {"maxidletimems", &reader::any_span},
    {"waitqueuetimeoutms", &reader::any_span},
    // No connection watches the server: each finds out for itself.
    {"heartbeatfrequencyms", &reader::any_span},
    {"servermonitoringmode", &reader::monitoring},
    {"localthresholdms", &reader::any_span},
    {"serverselectiontryonce", &reader::any_flag},
    // Others have a meaning that would be missing.
    {"replicaset", &reader::replica_set},
    {"readconcernlevel", &reader::read_concern},
    {"readpreferencetags", &reader::tags},
    {"maxstalenessseconds", &reader::tags},
    {"authmechanismproperties", &reader::properties},
    {"gssapiservicename", &reader::kerberos},
    {"srvmaxhosts", &reader::dns},
    {"srvservicename", &reader::dns},
    {"proxyhost", &reader::proxy},
    {"proxyport", &reader::proxy},
    {"proxyusername", &reader::proxy},
    {"proxypassword", &reader::proxy},
});

void read(reader& r, const option& o) {
    const auto name = lower(o.name);
    if (const auto at = std::ranges::find(all, name, &known::name); at != all.end())
        return (r.*at->act)(o);
    o.unsupported("there is no such option");
}

} // namespace

uri_options read_options(const url& u) {
    reader r;
    std::vector<std::string> seen;
    for (const auto& [name, value] : u.options) {
        const option o{u, name, value};
        if (!bson::is_utf8(name) || !bson::is_utf8(value)) o.refuse("it is not UTF-8");
        if (std::ranges::find(seen, lower(name)) != seen.end()) o.refuse("it is given twice");
        seen.push_back(lower(name));
        read(r, o);
    }
    if (!r.out.call_timeout) r.out.call_timeout = r.socket;
    if (!r.out.connect_timeout) r.out.connect_timeout = r.selection;
    return std::move(r.out);
}

} // namespace oocrpc::mongodb
