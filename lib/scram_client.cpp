#include <oocrpc/scram.hpp>

#include <utility>

#include "scram_crypto.hpp"
#include "scram_messages.hpp"

namespace oocrpc::scram {
namespace {

constexpr std::string_view header = "n,,"; // no channel binding, nobody else to act as

std::shared_ptr<const client_keys> derived(mechanism m, const secret& prepared,
                                           const server_first& from) {
    const auto password = salted(m, prepared, from.salt, from.iterations);
    auto keys = std::make_shared<client_keys>();
    keys->salt = from.salt;
    keys->iterations = from.iterations;
    keys->client_key = hmac(m, password.view(), "Client Key");
    keys->server_key = hmac(m, password.view(), "Server Key");
    return keys;
}

} // namespace

client::client(mechanism m, std::string_view user, secret prepared,
               std::shared_ptr<const client_keys> known, std::string nonce)
    : mechanism_(m),
      prepared_(std::move(prepared)),
      keys_(std::move(known)),
      nonce_(std::move(nonce)),
      first_bare_("n=" + escaped(user) + ",r=" + nonce_) {}

std::string client::first() const {
    return std::string(header) + first_bare_;
}

reply client::next(std::string_view message) {
    const auto before = std::exchange(state_, state::failed); // unless it goes well
    if (before == state::first) return on_first(message);
    if (before == state::final) return on_final(message);
    return {failure::out_of_order};
}

reply client::on_first(std::string_view message) {
    const auto server = read_server_first(message);
    if (server.why != failure::none) return {server.why};
    if (!server.nonce.starts_with(nonce_) || server.nonce == nonce_) return {failure::nonce};
    if (server.iterations < least_iterations || server.iterations > most_iterations)
        return {failure::iterations};
    if (!keys_ || keys_->salt != server.salt || keys_->iterations != server.iterations)
        keys_ = derived(mechanism_, prepared_, server);
    prepared_ = {};

    const auto without_proof = "c=" + to_base64(header) + ",r=" + server.nonce;
    const auto all = first_bare_ + ',' + std::string(message) + ',' + without_proof;
    const auto client_key = keys_->client_key.view();
    const auto stored_key = hash(mechanism_, client_key);
    const auto proof = exclusive_or(client_key, hmac(mechanism_, stored_key.view(), all).view());
    signature_ = hmac(mechanism_, keys_->server_key.view(), all).view();
    state_ = state::final;
    return {failure::none, without_proof + ",p=" + to_base64(proof.view())};
}

reply client::on_final(std::string_view message) {
    const auto server = read_server_final(message);
    if (server.why != failure::none) return {server.why};
    if (!equal(server.signature, signature_)) return {failure::signature};
    state_ = state::done;
    return {};
}

} // namespace oocrpc::scram
