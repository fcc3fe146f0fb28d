#include <oocrpc/scram.hpp>

#include <utility>

#include "scram_crypto.hpp"
#include "scram_messages.hpp"

namespace oocrpc::scram {

server::server(mechanism m, lookup find, std::string nonce)
    : mechanism_(m),
      find_(std::move(find)),
      nonce_(std::move(nonce)) {}

reply server::next(std::string_view message) {
    const auto before = std::exchange(state_, state::failed); // unless it goes well
    if (before == state::first) return on_first(message);
    if (before == state::final) return on_final(message);
    return {failure::out_of_order};
}

reply server::on_first(std::string_view message) {
    auto client = read_client_first(message);
    if (client.why != failure::none) return {client.why};
    user_ = std::move(client.user);
    header_ = std::move(client.header);
    nonce_ = client.nonce + nonce_;
    of_user_ = find_(user_);
    auto answer = "r=" + nonce_ + ",s=" + to_base64(of_user_.salt) +
                  ",i=" + std::to_string(of_user_.iterations);
    first_messages_ = client.bare + ',' + answer;
    state_ = state::final;
    return {failure::none, std::move(answer)};
}

reply server::on_final(std::string_view message) {
    const auto client = read_client_final(message);
    if (client.why != failure::none) return {client.why};
    if (client.header != header_) return {failure::channel_binding};
    if (client.nonce != nonce_) return {failure::nonce};

    const auto all = first_messages_ + ',' + client.without_proof;
    const auto signature = hmac(mechanism_, of_user_.stored_key, all);
    if (client.proof.size() != signature.size()) return {failure::malformed};
    const auto client_key = exclusive_or(client.proof, signature.view());
    if (!equal(hash(mechanism_, client_key.view()).view(), of_user_.stored_key))
        return {failure::proof};
    state_ = state::done;
    return {failure::none, "v=" + to_base64(hmac(mechanism_, of_user_.server_key, all).view())};
}

} // namespace oocrpc::scram
