#include "check.hpp"

#include <filesystem>

#include "exit.hpp"
#include "listening.hpp"
#include "tree.hpp"
#include "user_file.hpp"

namespace host {
namespace {

void require_directory(const oocrpc::option_values& host, std::string_view option) {
    const auto path = host.text(option);
    std::error_code ignored;
    if (!path.empty() && !std::filesystem::is_directory(path, ignored))
        throw failure(bad_configuration, std::string(option) + ": '" + path + "' is no directory");
}

} // namespace

identity_options identity_of(const oocrpc::option_values& host) {
    return {host.text("user"), host.text("group"), host.text("chroot")};
}

void check(settings all) {
    const privileges known(identity_of(all.host));
    require_directory(all.host, "rundir");
    require_directory(all.host, "chroot");
    log to({}); // to stderr
    const auto sockets = std::make_shared<listening_sockets>();
    workers loops(1, sockets);
    const auto access = access_of(all.host, {});
    const tree made(std::move(all), loops, *sockets, access, to, {});
    if (const auto why = address_wanted_twice(made.root()); !why.empty())
        throw failure(bad_configuration, why);
}

} // namespace host
