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
    bool asks_who;
    url at;
    std::vector<tcp::endpoint> endpoints = {};
};

bool is_unix(const url& at) {
    return at.via == url::transport::unix_socket;
}

std::vector<tcp::endpoint> resolved(const url& at) {
    if (is_unix(at)) return {};
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

void collect(const oocrpc::component& from, std::vector<wish>& all) {
    if (const auto* group = dynamic_cast<const oocrpc::component_group*>(&from))
        for (const auto* c : group->components()) collect(*c, all);
    if (const auto* l = dynamic_cast<const listening*>(&from))
        for (const auto& at : l->wanted())
            all.push_back({from.path(), l->asks_who(at), at, resolved(at)});
}

bool collide(const tcp::endpoint& a, const tcp::endpoint& b) {
    if (a.port() == 0 || a.port() != b.port() || a.protocol() != b.protocol()) return false;
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

bool is_local(const wish& w) {
    if (is_unix(w.at)) return true;
    // Where a name that nobody knows will lead by the time that it is listened on, nobody knows.
    return !w.endpoints.empty() && std::ranges::all_of(w.endpoints, [](const auto& e) {
        return e.address().is_loopback();
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

std::string open_to_strangers(const oocrpc::component& what) {
    std::vector<wish> all;
    collect(what, all);
    for (const auto& w : all)
        if (!w.asks_who && !is_local(w))
            return w.path + ": other machines reach " + shown(w) +
                   ", and nobody has to log in there (--users FILE); --insecure allows that";
    return {};
}

} // namespace host
