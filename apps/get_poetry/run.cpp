#include "run.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <sys/ioctl.h>
#include <unistd.h>

#include <oocrpc/client.hpp>
#include <oocrpc/option.hpp>

#include "get_poems.hpp"
#include "host/validators.hpp"
#include "support/interruptible.hpp"
#include "support/login.hpp"
#include "support/tls_arguments.hpp"

namespace get_poetry {
namespace {

constexpr int io_error = 74; // sysexits.h

std::size_t terminal_columns() {
    winsize size{};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

int report(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const host::failure& e) {
        std::cerr << "get-poetry: " << e.what() << std::endl;
        return e.code();
    } catch (const std::exception& e) {
        std::cerr << "get-poetry: " << e.what() << std::endl;
        return host::software_error;
    }
}

oocrpc::awaitable<int> get_and_show(const order& how) {
    const bool terminal = isatty(STDERR_FILENO);
    display screen(std::cout, std::cerr, terminal ? terminal_columns : display::width());
    const auto failed = co_await get_poems(how, screen);
    if (!std::cout) throw host::failure(io_error, "stdout cannot be written");
    co_return failed ? 1 : 0;
}

void find_passwords(order& how, const std::string& file) {
    auto urls = how.urls;
    if (!how.transform.empty()) urls.push_back(how.transform);
    for (const auto& url : urls) {
        if (oocrpc::url::parse(url).user.empty() || how.logins.contains(url)) continue;
        oocrpc::apps::destination to{url, file, {}};
        to.find_password();
        how.logins.emplace(url, std::move(to.how));
    }
    if (!file.empty() && how.logins.empty())
        throw host::failure(host::usage_error, "--password-file: no URL names a user");
}

oocrpc::deadline timeout_of(const std::string& text) {
    if (text == "none") return oocrpc::deadline::none();
    return oocrpc::parse_duration(text);
}

} // namespace

void add_options(CLI::App& program, host::command& chosen) {
    auto how = std::make_shared<order>();
    const auto is_server = host::checked_by(oocrpc::apps::check_url);
    program
        .add_option(
            "URL", how->urls,
            "a poetry server: oocrpc://[user@]host:port, oocrpcs://[user@]host:port (TLS),\n"
            "oocrpc+unix://[user@]/path, mongodb://[user@]host[:port]/[database][?tls=true]")
        ->type_name("")
        ->required()
        ->check(is_server);
    program.add_option("--name", how->poem, "which poem (default: the first of each server)")
        ->type_name("POEM");
    program.add_option("--transform", how->transform, "the server that transforms the poems")
        ->type_name("URL")
        ->check(is_server);
    program.add_option("--method", how->method, "what it is asked to do")
        ->type_name("METHOD")
        ->capture_default_str()
        ->needs("--transform");
    program
        .add_option_function<std::string>(
            "--timeout", [how](const std::string& text) { how->timeout = timeout_of(text); },
            "how long a call may take: 500ms, 2s, 1m, or none (default 10s)")
        ->type_name("DURATION")
        ->check(host::checked_by(timeout_of));
    oocrpc::apps::add_tls(program, how->tls);
    auto password_file = std::make_shared<std::string>();
    program
        .add_option("--password-file", *password_file,
                    "the password of the users in the URLs, instead of OOCRPC_PASSWORD_FILE,\n"
                    "OOCRPC_PASSWORD or asking for each")
        ->type_name("FILE");
    program.footer("Exit code: 0 all poems are there, 1 a download failed, 64 wrong usage,\n"
                   "74 output failed, 130 interrupted. A poem that cannot be transformed is\n"
                   "printed as it is, and is there.");
    program.callback([how, password_file, &chosen] {
        find_passwords(*how, *password_file);
        chosen = [how] {
            return oocrpc::apps::run_interruptible(
                "get-poetry", [how] { return get_and_show(*how); }, report);
        };
    });
}

} // namespace get_poetry
