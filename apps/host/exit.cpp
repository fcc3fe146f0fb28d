#include "exit.hpp"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include <oocrpc/error.hpp>

namespace host {
namespace {

int complain(const std::string& program, int code, std::string line) {
    for (auto& c : line)
        if (c == '\n') c = ' ';
    std::cerr << program << ": " << line << std::endl;
    return code;
}

int code_of(const oocrpc::rpc_error& e) {
    if (e.code() == oocrpc::errc::invalid_argument) return usage_error;
    if (e.code() == oocrpc::errc::unavailable) return unavailable;
    return software_error;
}

} // namespace

int main(CLI::App& app, int argc, char** argv, const command& chosen) {
    const auto program = app.get_name();
    try {
        app.parse(argc, argv);
        return chosen();
    } catch (const CLI::Success& e) { // --help, --version
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        return complain(program, usage_error,
                        std::string(e.what()) + "; see " + program + " --help");
    } catch (const failure& e) {
        return complain(program, e.code(), e.what());
    } catch (const oocrpc::rpc_error& e) {
        return complain(program, code_of(e), e.detail().empty() ? e.message() : e.detail());
    } catch (const std::exception& e) {
        return complain(program, software_error, e.what());
    }
}

std::string read_file(const std::string& path) {
    const auto fail = [&] {
        const int why = errno ? errno : EIO;
        throw failure(no_input, "cannot read '" + path + "': " + std::strerror(why));
    };
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) fail();
    file.exceptions(std::ios::badbit); // opening a directory succeeds, reading it does not
    try {
        return {std::istreambuf_iterator<char>(file), {}};
    } catch (const std::ios::failure&) {
        fail();
    }
    return {};
}

} // namespace host
