#include "tls_settings.hpp"

#include <algorithm>

#include <oocrpc/error.hpp>
#include <oocrpc/url.hpp>

#include "exit.hpp"

namespace host {

using namespace oocrpc;

namespace {

client_certificates clients_of(const std::string& text) {
    if (text == "optional") return client_certificates::optional;
    return text == "required" ? client_certificates::required : client_certificates::off;
}

bool is_encrypted(const std::string& at) {
    return url::parse(at).tls;
}

} // namespace

std::shared_ptr<tls_server> make_tls(const option_values& given,
                                     const std::vector<std::string>& urls) {
    const auto encrypted = std::ranges::find_if(urls, is_encrypted);
    if (encrypted == urls.end()) {
        // A variable may be meant for the clients that are started in the same environment.
        if (given.has("tls-certificate") &&
            !given.source("tls-certificate").starts_with("environment"))
            throw failure(usage_error, "tls-certificate: no listener is encrypted "
                                       "(oocrpcs://HOST:PORT, mongodb://HOST:PORT/?tls=true)");
        return nullptr;
    }
    if (!given.has("tls-certificate"))
        throw failure(usage_error, "tls-certificate: it is needed to listen on " + *encrypted);
    tls_server_options how;
    how.certificate = given.text("tls-certificate");
    how.key = given.text("tls-key");
    how.client_ca = given.text("tls-ca");
    how.clients = clients_of(given.text("tls-client-certificates"));
    if (given.flag("tls-optional")) how.plain = plain_peers::accepted;
    if (how.clients != client_certificates::off && how.client_ca.empty())
        throw failure(usage_error, "tls-client-certificates: they need tls-ca");
    try {
        return std::make_shared<tls_server>(std::move(how));
    } catch (const rpc_error& e) {
        throw failure(bad_configuration, e.detail());
    }
}

std::vector<renewed_files> read_renewed(const std::string& name,
                                        const std::vector<std::shared_ptr<tls_server>>& all) {
    std::vector<renewed_files> renewed;
    for (const auto& one : all) {
        try {
            if (auto now = one->read()) renewed.push_back({name, one, std::move(now)});
        } catch (const rpc_error& e) {
            throw failure(bad_configuration, name + ": " + e.detail());
        }
    }
    return renewed;
}

} // namespace host
