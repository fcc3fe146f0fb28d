#include "host_options.hpp"

#include <filesystem>

#include "daemonize.hpp"
#include "exit.hpp"

namespace host {
namespace {

using enum oocrpc::option_type;
using oocrpc::option;

std::string why_no_umask(std::string_view text) {
    try {
        parse_umask(text);
        return {};
    } catch (const failure& e) {
        return e.what();
    }
}

constexpr option program_table[] = {
    {.name = "help", .type = flag, .help = "Say what the options are"},
    {.name = "version", .type = flag, .help = "Say which version this is"},
    {.name = "list", .type = flag, .help = "Name all plugins, one on each line"},
    {.name = "check",
     .type = file,
     .help = "Read the configuration in FILE, say what is wrong with it, and start nothing",
     .value_name = "FILE"},
    {.name = "show-config",
     .type = flag,
     .help = "Print each value and where it came from, and start nothing"},
    {.name = "config",
     .type = file,
     .help = "Take what the command line and the environment do not say from this TOML file; "
             "without a plugin's name, run the tree of components that it describes",
     .value_name = "FILE"},
    {.name = "man", .type = flag, .help = "Print the manual page, in roff"},
    {.name = "completion",
     .help = "Print the completions for this shell",
     .value_name = "SHELL",
     .choices = "bash|zsh|fish"},
};

constexpr option host_table[] = {
    {.name = "daemon",
     .type = flag,
     .help = "Leave the terminal and serve in the background; the program returns when the daemon "
             "is ready, or its failure"},
    {.name = "nodaemon", .type = flag, .help = "Stay in the foreground, whatever --daemon says"},
    {.name = "pidfile",
     .type = file,
     .help = "Write the process id there, and remove it at the end; a daemon has one, oocrpcd.pid "
             "in its directory"},
    {.name = "no-pidfile", .type = flag, .help = "Write no pid file"},
    {.name = "logfile",
     .type = file,
     .help = "Log there instead of stderr; a daemon logs to oocrpcd.log in its directory unless "
             "told otherwise"},
    {.name = "syslog", .type = flag, .help = "Log to syslog"},
    {.name = "rundir", .type = file, .help = "Change to this directory", .value_name = "DIR"},
    {.name = "umask",
     .help = "The umask of a daemon, in octal",
     .value_name = "OCTAL",
     .check = why_no_umask},
    {.name = "user",
     .help = "Become this user, by name or number, once the sockets are bound",
     .value_name = "USER"},
    {.name = "group",
     .help = "Become this group, by name or number; default: the user's",
     .value_name = "GROUP"},
    {.name = "chroot",
     .type = file,
     .help = "Make this directory the root once the sockets are bound",
     .value_name = "DIR"},
    {.name = "users",
     .type = file,
     .help = "Serve only those who log in, the users in this file, and only what their roles "
             "allow; oocrpcd user makes it"},
    {.name = "insecure",
     .type = flag,
     .help = "Listen on addresses that other machines reach although nobody has to log in"},
    {.name = "threads",
     .type = integer,
     .help = "Threads that serve, sharing the ports",
     .fallback = "1",
     .least = 1,
     .most = 256},
    {.name = "log-level",
     .help = "What is logged",
     .value_name = "LEVEL",
     .fallback = "info",
     .choices = "debug|info|warn|error|off"},
    {.name = "log-format",
     .help = "Lines for people or for programs",
     .value_name = "FORMAT",
     .fallback = "text",
     .choices = "text|json"},
    {.name = "memory-budget",
     .type = size,
     .help = "Bytes that all connections together may hold of messages; beyond it calls are "
             "refused as overloaded. Default: half of what the process may have",
     .least = 1 << 20,
     .most = 1e15},
    {.name = "drain-timeout",
     .type = duration,
     .help = "What calls in flight get to finish on SIGTERM",
     .fallback = "10s",
     .least = 0,
     .most = 1e6},
    {.name = "plugin-dir",
     .type = file,
     .help = "Load the plugins (*.so) of this directory",
     .value_name = "DIR",
     .repeated = true},
};

constexpr option serving_table[] = {
    {.name = "listen",
     .type = url,
     .help = "Serve on oocrpc://HOST:PORT or oocrpc+unix:///PATH (MongoDB drivers, too), or on "
             "mongodb://HOST:PORT (only them); oocrpcs://HOST:PORT and "
             "mongodb://HOST:PORT/?tls=true are encrypted",
     .repeated = true,
     .required = true},
    {.name = "max-connections",
     .type = integer,
     .help = "Connections at a time; then accepting pauses",
     .fallback = "10000",
     .least = 1,
     .most = 1e9},
    {.name = "max-connections-per-address",
     .type = integer,
     .help = "Connections from one IP address, or the first 64 bits of one of IPv6; one more is "
             "closed at once",
     .fallback = "256",
     .least = 1,
     .most = 1e9},
    {.name = "max-in-flight",
     .type = integer,
     .help = "Calls that may run on one connection; one more is refused as overloaded",
     .fallback = "1024",
     .least = 1,
     .most = 1e9},
    {.name = "max-streams",
     .type = integer,
     .help = "Streams and cursors that may be open on one connection; one more is refused as "
             "overloaded",
     .fallback = "128",
     .least = 0,
     .most = 1e9},
    {.name = "max-cancels",
     .type = integer,
     .help = "Calls that may be cancelled on one connection within a second; one more ends it",
     .fallback = "100",
     .least = 1,
     .most = 1e9},
    {.name = "max-outgoing",
     .type = integer,
     .help = "Calls of ours that may be in flight to one peer; one more is refused as overloaded",
     .fallback = "65536",
     .least = 1,
     .most = 1e9},
    {.name = "max-concurrent",
     .type = integer,
     .help = "Calls that may run on all connections together; others wait for their turn",
     .fallback = "10000",
     .least = 1,
     .most = 1e9},
    {.name = "max-waiting",
     .type = integer,
     .help = "Calls that may wait for their turn; one more is refused as overloaded",
     .fallback = "1000",
     .least = 0,
     .most = 1e9},
    {.name = "max-message",
     .type = size,
     .help = "Bytes of a message; of MongoDB's three times as much, but 48 MB at most. A longer "
             "one ends its connection",
     .fallback = "16MiB",
     .least = 1024,
     .most = 1 << 30},
    {.name = "max-message-before-login",
     .type = size,
     .help = "The same of a peer that has to log in and has not",
     .fallback = "64KiB",
     .least = 1024,
     .most = 1 << 30},
    {.name = "max-depth",
     .type = integer,
     .help = "Documents within documents of a message; one with more ends its connection",
     .fallback = "100",
     .least = 10,
     .most = 190},
    {.name = "max-elements",
     .type = integer,
     .help = "Elements of a document that is read; one with more ends its connection",
     .fallback = "100000",
     .least = 100,
     .most = 1e9},
    {.name = "max-queued",
     .type = size,
     .help = "Bytes of answers that may wait for one connection before no more calls are read",
     .fallback = "4MiB",
     .least = 1024,
     .most = 1e12},
    {.name = "handshake-timeout",
     .type = duration,
     .help = "What a handshake of TLS gets; 0: any time",
     .fallback = "5s",
     .least = 0,
     .most = 1e6},
    {.name = "first-frame-timeout",
     .type = duration,
     .help = "What a new connection gets for its first message; 0: any time",
     .fallback = "10s",
     .least = 0,
     .most = 1e6},
    {.name = "frame-timeout",
     .type = duration,
     .help = "What a message gets from its first byte to its last, and as long again as often as "
             "that brought the bytes of frame-rate; 0: any time",
     .fallback = "30s",
     .least = 0,
     .most = 1e6},
    {.name = "frame-rate",
     .type = size,
     .help = "Bytes a second that a long message has to come at",
     .fallback = "1KiB",
     .least = 1,
     .most = 1e9},
    {.name = "write-timeout",
     .type = duration,
     .help = "How long a peer may read nothing of what waits for it; 0: any time",
     .fallback = "30s",
     .least = 0,
     .most = 1e6},
    {.name = "idle-timeout",
     .type = duration,
     .help = "How long a connection may be silent with no call in flight; 0: any time",
     .fallback = "10m",
     .least = 0,
     .most = 1e6},
    {.name = "tls-certificate",
     .type = file,
     .help = "The certificate of encrypted listeners in PEM, then those between it and its CA"},
    {.name = "tls-key",
     .type = file,
     .help = "Its private key in PEM; default: in the file of the certificate"},
    {.name = "tls-ca", .type = file, .help = "Who signs the certificates of clients, in PEM"},
    {.name = "tls-client-certificates",
     .help = "Whether clients show a certificate; one that is shown must be good",
     .value_name = "WHETHER",
     .fallback = "off",
     .choices = "off|optional|required"},
    {.name = "tls-optional",
     .type = flag,
     .help = "Also take connections that are not encrypted on encrypted listeners"},
};

constexpr option user_table[] = {
    {.name = "file",
     .type = file,
     .help = "The file of the users; add makes it where there is none",
     .fallback = "users.toml"},
    {.name = "role",
     .help = "A role of the new user, which the file defines; a new file defines admin, who may "
             "call everything",
     .value_name = "ROLE",
     .repeated = true},
    {.name = "password-file",
     .type = file,
     .help = "Take the password from this file instead of asking for it on the terminal"},
    {.name = "password-stdin",
     .type = flag,
     .help = "Take the password from stdin, which is no terminal"},
    {.name = "no-password",
     .type = flag,
     .help = "The user has none, but a client certificate, whose subject is the name"},
};

constexpr std::string_view user_words[] = {"add", "remove", "list", "passwd"};

} // namespace

std::span<const option> user_options() {
    return user_table;
}

std::span<const std::string_view> user_actions() {
    return user_words;
}

std::span<const option> program_options() {
    return program_table;
}

std::span<const option> host_options() {
    return host_table;
}

std::span<const option> serving_options() {
    return serving_table;
}

bool becomes_daemon(const oocrpc::option_values& host) {
    return host.flag("daemon") && !host.flag("nodaemon");
}

std::string pid_file_path(const oocrpc::option_values& host) {
    if (host.flag("no-pidfile")) return {};
    if (host.has("pidfile") || !becomes_daemon(host)) return host.text("pidfile");
    return std::filesystem::path(host.text("rundir")) / "oocrpcd.pid";
}

std::string variable_of(std::string_view option) {
    if (option == "plugin-dir") return "OOCRPC_PLUGIN_PATH";
    std::string name = "OOCRPC_";
    for (const char c : option)
        name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return name;
}

} // namespace host
