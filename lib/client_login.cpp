#include <oocrpc/client_login.hpp>

namespace oocrpc {
namespace {

std::size_t index_of(scram::mechanism m) noexcept {
    return static_cast<std::size_t>(m);
}

} // namespace

scram::client client_login::begin(scram::mechanism m) const {
    const auto text = password ? password->view() : std::string_view();
    return scram::client(m, user, scram::prepare(m, user, text), keys(m));
}

void client_login::keep(scram::mechanism m, const scram::client& of) {
    if (of.authenticated()) keys_[index_of(m)] = of.keys();
}

const std::shared_ptr<const scram::client_keys>&
client_login::keys(scram::mechanism m) const noexcept {
    return keys_[index_of(m)];
}

} // namespace oocrpc
