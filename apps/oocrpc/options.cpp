#include <algorithm>

#include <oocrpc/bson.hpp>
#include <oocrpc/option.hpp>

#include <support/tls_arguments.hpp>

#include "commands.hpp"

namespace oocrpc::cli {
namespace {

constexpr char mark = '\x01';

std::string check_url(const std::string& text) {
    try {
        apps::check_url(text);
    } catch (const rpc_error& e) {
        return e.detail();
    }
    return {};
}

std::string check_method(const std::string& name) {
    if (name.empty()) return "a name is missing";
    return bson::is_utf8(name) ? std::string() : "'" + name + "' is not UTF-8";
}

deadline parse_timeout(const std::string& text) {
    if (text == "none") return deadline::none();
    try {
        return parse_duration(text);
    } catch (const std::invalid_argument& e) {
        throw CLI::ValidationError("--timeout", e.what());
    }
}

} // namespace

void add_server(CLI::App& to, apps::destination& server) {
    to.add_option(
          "URL", server.url,
          "where the server is: oocrpc://[user@]host:port, oocrpcs://[user@]host:port (TLS),\n"
          "oocrpc+unix://[user@]/path, mongodb://[user@]host[:port]/[database][?tls=true]")
        ->required()
        ->check(check_url);
    to.add_option("--password-file", server.password_file,
                  "the user's password, instead of OOCRPC_PASSWORD_FILE, OOCRPC_PASSWORD\n"
                  "or asking for it")
        ->type_name("FILE");
    apps::add_tls(to, server.how.tls);
}

void add_method(CLI::App& to, std::string& method) {
    to.add_option_function<std::string>(
          "METHOD", [&method](const std::string& name) { method = as_typed(name); },
          "what to call, such as demo.add")
        ->required()
        ->check(check_method);
}

CLI::Option* add_words(CLI::App& to) {
    return to.add_option("ARG")
        ->description("a value in JSON, or where it is not JSON, that text itself")
        ->type_size(1)
        ->expected(0, -1)
        ->allow_extra_args()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_timeout(CLI::App& to, deadline& when) {
    to.add_option_function<std::string>(
          "--timeout", [&when](const std::string& text) { when = parse_timeout(text); },
          "how long the call may take: 500ms, 2s, 1m, or none (default 10s)")
        ->type_name("DURATION");
}

std::vector<std::string> marked(int argc, const char* const* argv) {
    std::vector<std::string> all;
    bool only_words = false;
    for (int i = 1; i < argc; ++i) {
        std::string text(argv[i]);
        if (!only_words && text == "--") {
            only_words = true;
            continue;
        }
        if (only_words || text.starts_with('[') || text.starts_with(mark))
            text.insert(text.begin(), mark);
        all.push_back(std::move(text));
    }
    std::reverse(all.begin(), all.end());
    return all;
}

std::string as_typed(std::string text) {
    if (text.starts_with(mark)) text.erase(text.begin());
    return text;
}

std::vector<std::string> as_typed(std::vector<std::string> texts) {
    for (auto& text : texts) text = as_typed(std::move(text));
    return texts;
}

} // namespace oocrpc::cli
