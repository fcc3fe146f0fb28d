// The command line client: calls, questions, measurements, and BSON as text.

#include <algorithm>
#include <csignal>
#include <iostream>

#include <oocrpc/version.hpp>

#include <support/failure.hpp>

#include "commands.hpp"

namespace {

using namespace oocrpc::cli;

int refuse(std::string text) {
    // On one line, and without what marks words for CLI11.
    std::erase(text, '\x01');
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::cerr << "oocrpc: " << text << "; see oocrpc --help" << std::endl;
    return static_cast<int>(exit_code::usage);
}

} // namespace

int main(int argc, char** argv) {
    // A reader that went away is an error of the write, not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);

    CLI::App program("Calls services that speak oocrpc's or MongoDB's protocol.", "oocrpc");
    command chosen;
    local_command chosen_here;
    add_call(program, chosen);
    add_command(program, chosen);
    add_ping(program, chosen);
    add_list(program, chosen);
    add_describe(program, chosen);
    add_bench(program, chosen);
    add_bson(program, chosen_here);
    program.set_version_flag("--version", "oocrpc " + std::string(oocrpc::version));
    program.require_subcommand(1);
    program.footer("Exit code: 0 done, 1 the server answered an error, 64 wrong usage,\n"
                   "65 bad input, 66 no such file, 69 unavailable, 74 input or output failed,\n"
                   "76 protocol error, 77 the login failed, 124 deadline, 130 interrupted.");
    try {
        program.parse(marked(argc, argv));
    } catch (const CLI::ParseError& e) {
        return e.get_exit_code() ? refuse(e.what()) : program.exit(e);
    } catch (const usage_error& e) {
        return refuse(e.what());
    } catch (const oocrpc::apps::failure& e) {
        std::cerr << "oocrpc: " << e.what() << std::endl;
        return e.code();
    }
    return chosen_here ? run(chosen_here) : run(chosen);
}
