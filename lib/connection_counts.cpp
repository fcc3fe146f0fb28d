#include <oocrpc/connection_counts.hpp>

#include <algorithm>

#include <asio/ip/address.hpp>

namespace oocrpc {

std::string connection_counts::address_of(std::string_view peer) {
    const auto colon = peer.rfind(':');
    if (colon == peer.npos) return {};
    std::string host(peer.substr(0, colon));
    if (!host.starts_with('[') || !host.ends_with(']')) return host;
    std::error_code other;
    const auto v6 = asio::ip::make_address_v6(host.substr(1, host.size() - 2), other);
    if (other) return host;
    if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
    auto bytes = v6.to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return asio::ip::address_v6(bytes).to_string();
}

connection_counts::outcome connection_counts::enter(std::string_view peer, std::size_t most,
                                                    std::size_t most_of_address) {
    const auto address = address_of(peer);
    std::lock_guard lock(mutex_);
    if (!address.empty()) {
        const auto at = of_address_.find(address);
        if (at == of_address_.end() ? most_of_address == 0 : at->second >= most_of_address)
            return outcome::address_full;
    }
    if (all_ >= most) return outcome::full;
    if (!address.empty()) ++of_address_[address];
    ++all_;
    return outcome::entered;
}

void connection_counts::leave(std::string_view peer) {
    const auto address = address_of(peer);
    std::lock_guard lock(mutex_);
    --all_;
    const auto at = of_address_.find(address);
    if (at != of_address_.end() && --at->second == 0) of_address_.erase(at);
}

std::size_t connection_counts::all() const {
    std::lock_guard lock(mutex_);
    return all_;
}

} // namespace oocrpc
