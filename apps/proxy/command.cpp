#include "command.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "config.hpp"
#include "embedded.hpp"
#include "host/host.hpp"
#include "host/validators.hpp"
#include "option_words.hpp"
#include "proxy_service.hpp"
#include "support/parse.hpp"
#include "text_port.hpp"

namespace oocrpc::proxy {
namespace {

struct proxy_options {
    host::options host;
    std::vector<std::string> upstream;
    std::size_t upstream_connections = 4;
    std::vector<std::string> cache;
    std::string cache_bytes = "64MiB";
    std::vector<std::string> vary;
    std::vector<std::string> text;
    std::string config;
    bool embedded_poetry = false;
};

cache_rules rules_of(const proxy_options& how) {
    cache_rules rules;
    rules.limit_bytes = apps::parse_size(how.cache_bytes);
    rules.vary = how.vary;
    for (const auto& text : how.text)
        rules.methods.emplace(parse_text_port(text).method, cache_rules::default_ttl);
    for (const auto& text : how.cache) {
        auto m = parse_cached_method(text);
        rules.methods.insert_or_assign(std::move(m.method), m.ttl);
    }
    return rules;
}

/// Counts the connections of callers.
std::function<std::size_t()> count_connections(server_options& server) {
    auto open = std::make_shared<std::size_t>(0);
    server.on_connected = [open](const peer_info&) { ++*open; };
    server.on_disconnected = [open](const peer_info&, const rpc_error&) { --*open; };
    return [open] { return *open; };
}

handler prepare(const proxy_options& how, host::loop& loop,
                std::function<std::size_t()> connections) {
    auto urls = how.upstream;
    if (how.embedded_poetry) urls.push_back(serve_poetry(loop));
    client_options upstream;
    upstream.connections = how.upstream_connections;
    const auto to = upstreams::make(loop.executor(), urls, std::move(upstream));
    loop.at_end([to] { to->close(); });
    auto replies = reply_cache::make(loop.executor(), rules_of(how),
                                     [to](message call) { return to->fetch(std::move(call)); });
    host::text_options text;
    text.drain_timeout = how.host.server.drain_timeout;
    for (const auto& port : how.text) {
        auto [at, method] = parse_text_port(port);
        host::text_server serve(loop.executor(), at, text_of(replies, std::move(method)), text);
        loop.beside(serve.run(), serve.address());
    }
    return make_proxy(to, std::move(replies), std::move(connections));
}

int run(CLI::App& command, proxy_options& how) {
    if (!how.config.empty()) read_config(command, how.config);
    if (how.host.listen.empty()) throw host::failure(host::usage_error, "--listen is required");
    if (how.upstream.empty() && !how.embedded_poetry)
        throw host::failure(host::usage_error, "--upstream is required");
    if (how.embedded_poetry) {
        const auto text =
            how.text.empty() ? std::string() : how.text[0].substr(0, how.text[0].find('='));
        how.host.hint = commands_to_try(how.host.listen[0], text);
    }
    auto connections = count_connections(how.host.server);
    return host::run(how.host, [&](host::loop& loop) { return prepare(how, loop, connections); });
}

void add_proxy_options(CLI::App& command, proxy_options& how) {
    command
        .add_option(
            "--upstream", how.upstream,
            "Where calls go (required, here or in --config); several share them, and stand in for\n"
            "each other, so they serve the same methods")
        ->type_name("URL")
        ->check(host::is_url());
    command
        .add_option("--upstream-connections", how.upstream_connections,
                    "To each upstream; a server runs 1024 calls at a time on one unless told more")
        ->type_name("N")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    command
        .add_option("--cache", how.cache,
                    "Serve the calls of this method from memory, for TTL (default: 60s)")
        ->type_name("METHOD[=TTL]")
        ->check(host::checked_by([](const auto& text) { parse_cached_method(text); }));
    command.add_option("--cache-bytes", how.cache_bytes, "Memory for cached replies")
        ->type_name("SIZE")
        ->check(host::checked_by([](const auto& text) { apps::parse_size(text); }))
        ->capture_default_str();
    command
        .add_option("--vary", how.vary,
                    "Metadata that the results of cached methods depend on, beside the arguments")
        ->type_name("NAME");
    command
        .add_option("--text", how.text,
                    "Write the result of a cached method to whoever connects there: nc HOST PORT")
        ->type_name("HOST:PORT=METHOD")
        ->check(host::checked_by([](const auto& text) { parse_text_port(text); }));
    command
        .add_option("--config", how.config,
                    "A TOML file with these options as keys; the command line wins")
        ->type_name("FILE");
    command.add_flag("--embedded-poetry", how.embedded_poetry,
                     "Serve poems inside this process, as one more upstream");
}

} // namespace

void add_command(CLI::App& command, host::command& chosen, std::string name) {
    auto how = std::make_shared<proxy_options>();
    how->host.name = std::move(name);
    host::add_options(command, how->host);
    // Calls that share a fetch, and the cache, belong to one thread.
    command.remove_option(command.get_option("--threads"));
    add_proxy_options(command, *how);
    command.callback(
        [how, &command, &chosen] { chosen = [how, &command] { return run(command, *how); }; });
}

} // namespace oocrpc::proxy
