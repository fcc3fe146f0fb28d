#include <oocrpc/version.hpp>

#include "documents.hpp"
#include "host_options.hpp"

namespace host {
namespace {

using oocrpc::option;

/// Text for roff: no command at the beginning of a line, no escapes, real minus signs.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
            out += std::string("\\&") + c;
        else
            out += c;
    }
    return out;
}

void add_options(std::string& page, std::span<const option> table) {
    for (const auto& o : table) {
        page += ".TP\n\\fB\\-\\-" + escaped(o.name) + "\\fR";
        if (const auto value = value_name_of(o); !value.empty())
            page += " \\fI" + escaped(value) + "\\fR";
        page += '\n' + escaped(described(o)) + ".\n";
    }
}

std::string upper(std::string text) {
    for (auto& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

constexpr auto after_options = R"(.SH CONFIGURATION
A value comes from the command line, else from the environment, else from the file, else it is the
default;
.B \-\-show\-config
tells which.
The variable of an option is
.B OOCRPC_
and its name in capitals with underscores, such as
.BR OOCRPC_DRAIN_TIMEOUT ;
that of
.B \-\-plugin\-dir
is
.BR OOCRPC_PLUGIN_PATH ,
with colons between directories.
Other options that may be repeated have blanks between their values.
.PP
)";

constexpr auto of_one = R"(The file is in TOML: keys are the names of the options, and a list stands
for an option that may be repeated.
)";

constexpr auto of_trees = R"(The file is in TOML.
Without the name of a plugin it describes a tree of components:
.PP
.nf
.RS 4
[host]                  # the options of the host
threads = 2

[[component]]           # in the order in which they start
name = "poems"          # the plugin's name unless given
plugin = "poetry"
on\-failure = "restart"  # stop (default), restart or ignore
listen = ["oocrpc://127.0.0.1:9002"]
poem = ["a.txt", "b.txt"]
.RE
.fi
.PP
With the name of a plugin the keys are the options of the plugin and of the host side by side.
In the environment the options of a plugin count only then.
)";

constexpr auto of_users = R"(.SH USERS
.B user add
adds a user,
.B user passwd
gives a new password,
.B user remove
removes the user, and
.B user list
names all, with their roles and the ways in which they can log in.
The password is asked for on the terminal and never part of the command line.
.PP
The file is in TOML.
What is kept of a password are the keys of SCRAM, from which it cannot be read.
Roles are defined by hand:
.PP
.nf
.RS 4
[roles]                 # a method, all of a service, or all
admin = ["*"]
reader = ["demo.*", "poetry.get_poem"]
.RE
.fi
.PP
It must not be readable by others than its owner and group, nor writable by its group.
.PP
)";

constexpr auto at_end = R"(.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Finish the calls in flight, then stop; a second one stops at once.
.TP
.B SIGHUP
Read the configuration again and open the log again.
.TP
.B SIGUSR1
Write every suspended call and task to the log.
.SH EXIT STATUS
0 after a stop, 64 wrong usage, 66 a file that cannot be read, 69 an address in use, 70 a failure,
78 a wrong configuration, 128 and the signal after a second signal.
)";

} // namespace

std::string man_page(const program& p, const plugins& known) {
    std::string page = ".TH " + upper(escaped(p.name)) + " 8 \"\" \"oocrpc " +
                       std::string(oocrpc::version) + "\"\n.SH NAME\n" + escaped(p.name) + " \\- " +
                       escaped(p.description) + "\n.SH SYNOPSIS\n.B " + escaped(p.name) + '\n';
    if (p.flat)
        page += ".RI [ OPTION ...]\n";
    else
        page += ".RI [ \"HOST OPTION\" ...]\n.I NAME\n.RI [ OPTION ...]\n.br\n.B " +
                escaped(p.name) +
                "\n.RI [ \"HOST OPTION\" ...]\n.B \\-\\-config\n.I FILE\n.br\n.B " +
                escaped(p.name) + " user\n.I ACTION\n.RI [ NAME ]\n.RI [ OPTION ...]\n";
    page += ".SH OPTIONS\n";
    add_options(page, p.offered(program_options()));
    for (const auto& k : known.all()) {
        const std::string name = k.of->name;
        page += ".SH " + upper("options of " + escaped(name)) + '\n' + escaped(k.of->description) +
                ".\n";
        add_options(page, k.options);
    }
    page += ".SH HOST OPTIONS\n";
    if (!p.flat) page += "They can be given before and after the name of the plugin.\n";
    add_options(page, p.offered(host_options()));
    if (p.flat) return page + after_options + of_one + at_end;
    page += of_users;
    add_options(page, user_options());
    return page + after_options + of_trees + at_end;
}

} // namespace host
