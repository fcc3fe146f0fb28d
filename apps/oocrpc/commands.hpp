#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <oocrpc/call_options.hpp>

#include <support/login.hpp>

#include "run.hpp"

namespace oocrpc::cli {

// Each adds one command to the program; once the command line is read, `chosen` is what to do.

void add_call(CLI::App& program, command& chosen);
void add_command(CLI::App& program, command& chosen);
void add_ping(CLI::App& program, command& chosen);
void add_list(CLI::App& program, command& chosen);
void add_describe(CLI::App& program, command& chosen);
void add_bench(CLI::App& program, command& chosen);
void add_bson(CLI::App& program, local_command& chosen);

// What several commands take.

/// The positional URL, checked, the options of TLS and `--password-file`. Once the command line is
/// read, the caller finds the password.
void add_server(CLI::App& to, apps::destination& server);
/// The positional METHOD, checked.
void add_method(CLI::App& to, std::string& method);
/// The positional words after METHOD; read with as_typed().
CLI::Option* add_words(CLI::App& to);
/// `--timeout`; without it the client's default applies.
void add_timeout(CLI::App& to, deadline& when);

// CLI11 takes a positional `[1, 2]` apart as a list of its own, and loses what follows `--` in a
// subcommand. So both are marked before CLI11 sees them, and the mark is taken off where the text
// is used.

/// The arguments of main(), marked, in the order that CLI11 wants: the last first.
std::vector<std::string> marked(int argc, const char* const* argv);
/// What was typed, from what CLI11 gives.
std::string as_typed(std::string text);
std::vector<std::string> as_typed(std::vector<std::string> texts);

} // namespace oocrpc::cli
