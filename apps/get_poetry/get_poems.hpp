#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/asio.hpp>
#include <oocrpc/call_options.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/tls_options.hpp>

#include "display.hpp"

namespace get_poetry {

/// What is to be got, and from where.
struct order {
    std::vector<std::string> urls;
    /// By URL: for the clients of those where somebody logs in.
    std::map<std::string, oocrpc::client_options> logins;
    std::optional<std::string> poem; ///< its name; the first of each server without
    std::string transform;           ///< the URL of what transforms the poems; empty: nothing does
    std::string method = "transform.cummingsify";
    oocrpc::deadline timeout; ///< of each call
    oocrpc::tls_client_options tls;
};

/// Downloads from all servers at once, transforms each poem as it comes, and shows it.
///
/// Returns how many downloads failed; each is shown with its reason, and the others go on. A poem
/// that cannot be transformed is shown as it was. Cancelling cancels all calls at the servers and
/// throws `cancelled`. `how` and `to` must outlive it.
oocrpc::awaitable<std::size_t> get_poems(const order& how, display& to);

} // namespace get_poetry
