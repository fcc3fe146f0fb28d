#include "listening.hpp"

#include <algorithm>
#include <filesystem>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace host {
namespace {

using asio::ip::tcp;
using oocrpc::url;

/// What somebody wants, and what that is for the system.
struct wish {
    std::string path; // of the component
    url at;
    std::vector<tcp::endpoint> endpoints = {};
};

bool is_unix(const url& at) {
    return at.via == url::transport::unix_socket;
}

std::vector<tcp::endpoint> resolved(const url& at) {
    if (is_unix(at) || at.port == 0) return {};
    asio::io_context io;
    std::error_code unknown;
    std::vector<tcp::endpoint> all;
    for (const auto& found : tcp::resolver(io).resolve(at.host, std::to_string(at.port),
                                                       tcp::resolver::passive, unknown))
        all.push_back(found.endpoint());
    return all;
}

std::string shown(const wish& w) {
    const auto text = w.at.to_string();
    return text.substr(text.starts_with("text://") ? 7 : 0); // a scheme that nobody writes
}

void collect(const oocrpc::component_group& from, std::vector<wish>& all) {
    for (const auto* c : from.components()) {
        if (const auto* group = dynamic_cast<const oocrpc::component_group*>(c))
            collect(*group, all);
        if (const auto* l = dynamic_cast<const listening*>(c))
            for (const auto& at : l->wanted()) all.push_back({c->path(), at, resolved(at)});
    }
}

bool collide(const tcp::endpoint& a, const tcp::endpoint& b) {
    if (a.port() != b.port() || a.protocol() != b.protocol()) return false;
    return a.address() == b.address() || a.address().is_unspecified() ||
           b.address().is_unspecified();
}

bool collide(const wish& a, const wish& b) {
    namespace fs = std::filesystem;
    if (is_unix(a.at) != is_unix(b.at)) return false;
    if (is_unix(a.at))
        return fs::absolute(a.at.path).lexically_normal() ==
               fs::absolute(b.at.path).lexically_normal();
    return std::ranges::any_of(a.endpoints, [&](const auto& one) {
        return std::ranges::any_of(b.endpoints,
                                   [&](const auto& other) { return collide(one, other); });
    });
}

} // namespace

std::string address_wanted_twice(const oocrpc::component_group& root) {
    std::vector<wish> all;
    collect(root, all);
    for (std::size_t later = 1; later < all.size(); ++later)
        for (std::size_t i = 0; i < later; ++i)
            if (collide(all[i], all[later]))
                return all[later].path + ": cannot listen on " + shown(all[later]) + ": '" +
                       all[i].path + "' does already";
    return {};
}

} // namespace host
