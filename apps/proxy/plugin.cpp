#include "plugin.hpp"

#include <algorithm>

#include <oocrpc/component_group.hpp>

#include "embedded.hpp"
#include "host/exit.hpp"
#include "host/text_component.hpp"
#include "option_words.hpp"
#include "proxy_service.hpp"
#include "support/login.hpp"
#include "text_port.hpp"

namespace oocrpc::proxy {
namespace {

using enum option_type;

template <auto Parse> std::string why_not(std::string_view text) {
    try {
        Parse(text);
        return {};
    } catch (const rpc_error& e) {
        return e.detail();
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
}

void check_upstream(std::string_view url) {
    apps::check_url(std::string(url));
}

constexpr option options[] = {
    {.name = "upstream",
     .type = option_type::url,
     .help = "Where calls go, needed unless there is --embedded-poetry; several share them, and "
             "stand in for each other, so they serve the same methods",
     .repeated = true,
     .check = why_not<check_upstream>},
    {.name = "upstream-password-file",
     .type = file,
     .help = "Holds the password of the users in the upstream URLs, which name none themselves; "
             "without it OOCRPC_PASSWORD_FILE and OOCRPC_PASSWORD count"},
    {.name = "upstream-connections",
     .type = integer,
     .help = "To each upstream; a server runs 1024 calls at a time on one unless told more",
     .fallback = "4",
     .least = 1,
     .most = 1024},
    {.name = "upstream-tls-ca",
     .type = file,
     .help = "Whom the proxy trusts to sign the certificates of encrypted upstreams, in PEM; "
             "default: whom the system trusts"},
    {.name = "upstream-tls-certificate",
     .type = file,
     .help = "The certificate that the proxy shows to them, in PEM"},
    {.name = "upstream-tls-key",
     .type = file,
     .help = "Its private key; default: in the file of the certificate"},
    {.name = "cache",
     .help = "Serve the calls of this method from memory, for TTL, else 60s",
     .value_name = "METHOD[=TTL]",
     .repeated = true,
     .check = why_not<parse_cached_method>},
    {.name = "cache-bytes", .type = size, .help = "Memory for cached replies", .fallback = "64MiB"},
    {.name = "vary",
     .help = "Metadata that the results of cached methods depend on, beside the arguments",
     .value_name = "NAME",
     .repeated = true},
    {.name = "private",
     .help = "The results of this cached method differ by user: keep them for each",
     .value_name = "METHOD",
     .repeated = true},
    {.name = "text",
     .help = "Write the result of a cached method to whoever connects there: nc HOST PORT",
     .value_name = "HOST:PORT=METHOD",
     .repeated = true,
     .check = why_not<parse_text_port>},
    {.name = "embedded-poetry",
     .type = flag,
     .help = "Serve poems inside this process, as one more upstream"},
};

/// Something that is there all the time, and has a beginning and an end.
class part final : public component {
  public:
    part(std::string name, std::function<void()> start, std::function<void()> stop)
        : component(std::move(name)),
          start_(std::move(start)),
          stop_(std::move(stop)) {}

  protected:
    awaitable<void> on_start() override {
        if (start_) start_();
        co_return;
    }
    awaitable<void> on_stop() override {
        stop_();
        co_return;
    }

  private:
    std::function<void()> start_, stop_;
};

cache_rules rules_of(const option_values& given) {
    cache_rules rules;
    rules.limit_bytes = given.size("cache-bytes");
    rules.vary = given.texts("vary");
    for (auto& method : given.texts("private")) rules.per_user.insert(std::move(method));
    for (const auto& text : given.texts("text"))
        rules.methods.emplace(parse_text_port(text).method, cache_rules::default_ttl);
    for (const auto& text : given.texts("cache")) {
        auto m = parse_cached_method(text);
        rules.methods.insert_or_assign(std::move(m.method), m.ttl);
    }
    for (const auto& method : rules.per_user)
        if (!rules.methods.contains(method))
            throw ::host::failure(::host::usage_error, "--private " + method + ": not cached");
    return rules;
}

/// Counts the connections of callers.
std::function<std::size_t()> count_connections(server_options& server) {
    auto open = std::make_shared<std::size_t>(0);
    server.on_connected = [open](const peer_info&) { ++*open; };
    server.on_disconnected = [open](const peer_info&, const rpc_error&) { --*open; };
    return [open] { return *open; };
}

/// Of the users that the URLs name; null where they name none.
std::shared_ptr<const secret> password_for(const std::vector<std::string>& urls,
                                           plugin_host& host) {
    const auto has_user = [](const auto& text) { return !url::parse(text).user.empty(); };
    if (std::ranges::none_of(urls, has_user)) return nullptr;
    const auto file = host.options().text("upstream-password-file");
    return apps::find_password("", file, apps::asking::no);
}

/// The upstream servers, and the embedded one.
std::shared_ptr<upstreams> add_upstreams(component_group& group, plugin_host& host) {
    auto urls = host.options().texts("upstream");
    if (host.options().flag("embedded-poetry")) {
        auto poems = serve_poetry(host.executor());
        urls.push_back(std::move(poems.url));
        group.add(std::move(poems.server));
    }
    if (urls.empty()) throw ::host::failure(::host::usage_error, "--upstream is required");
    client_options how;
    how.connections = static_cast<std::size_t>(host.options().integer("upstream-connections"));
    how.memory = host.memory();
    how.tls.ca = host.options().text("upstream-tls-ca");
    how.tls.certificate = host.options().text("upstream-tls-certificate");
    how.tls.key = host.options().text("upstream-tls-key");
    how.password = password_for(urls, host);
    auto to = upstreams::make(host.executor(), urls, std::move(how));
    group.add<part>("upstreams", [to] { to->open(); }, [to] { to->close(); });
    return to;
}

void give_hint(plugin_host& host) {
    if (!host.options().flag("embedded-poetry")) return;
    const auto text = host.options().text("text");
    host.hint(commands_to_try(host.options().text("listen"), text.substr(0, text.find('='))));
}

std::unique_ptr<component> make(plugin_host& host) {
    auto group = std::make_unique<component_group>(host.name());
    const auto to = add_upstreams(*group, host);
    const auto replies =
        reply_cache::make(host.executor(), rules_of(host.options()),
                          [to](message call) { return to->fetch(std::move(call)); });
    group->add<part>("cache", nullptr, [replies] { replies->purge(); });
    int number = 0;
    for (const auto& text : host.options().texts("text")) {
        auto [at, method] = parse_text_port(text);
        group->add<::host::text_component>("text-" + std::to_string(++number), host, std::move(at),
                                           text_of(replies, std::move(method)));
    }
    serve_options how;
    how.name = "server";
    how.all_threads = false; // calls that share a fetch, and the cache, belong to one thread
    auto connections = count_connections(how.server);
    group->add(host.serve(make_proxy(to, replies, std::move(connections)), std::move(how)));
    give_hint(host);
    return group;
}

} // namespace

const oocrpc::plugin plugin{plugin_abi, "proxy", "A proxy that caches", options, true, make};

} // namespace oocrpc::proxy
