#include <oocrpc/testing/memory_network.hpp>

#include <algorithm>

#include <asio/error.hpp>
#include <asio/ip/address.hpp>

#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/error.hpp>

#include "memory_listener.hpp"

namespace oocrpc::testing {
namespace {

using detail::host_state;
using detail::listening;
using oocrpc::detail::is_requested;

/// Without asking the system, which answers on a thread while virtual time goes on.
url with_localhost(url u) {
    if (u.via == url::transport::tcp && u.host == "localhost") u.host = "127.0.0.1";
    return u;
}

bool is_systems(const url& u) {
    std::error_code is_name;
    asio::ip::make_address(u.host, is_name);
    return u.via == url::transport::unix_socket || !is_name;
}

std::string address_of(const std::string& host, std::uint16_t port) {
    return host + ":" + std::to_string(port);
}

[[noreturn]] void unavailable(const url& to, const std::error_code& why) {
    throw rpc_error(errc::unavailable, to.to_string() + ": " + why.message());
}

/// What asking `h` and hearing from it takes; nothing where there is none.
awaitable<void> round_trip(std::shared_ptr<host_state> h, std::source_location made) {
    if (is_requested(co_await this_coro::cancellation_state)) throw rpc_error(errc::cancelled);
    co_await asio::post(use_awaitable);
    if (is_requested(co_await this_coro::cancellation_state)) throw rpc_error(errc::cancelled);
    if (!h) co_return;
    if (h->delay > duration(0)) co_await sleep_for(2 * h->delay, made);
    while (h->partitioned) {
        if (!h->healed || h->healed->fired()) h->healed.emplace();
        auto healed = *h->healed;
        co_await healed.wait();
    }
}

bool is_taken(const host_state& h, std::uint16_t port) {
    return std::any_of(h.listeners.begin(), h.listeners.end(),
                       [port](auto& l) { return l->at.port == port; });
}

/// The listener whose turn it is; null where nobody listens.
std::shared_ptr<listening> listener_at(host_state& h, std::uint16_t port) {
    auto at = std::find_if(h.listeners.begin(), h.listeners.end(),
                           [port](auto& l) { return l->at.port == port; });
    if (h.refusing || at == h.listeners.end()) return nullptr;
    auto found = *at;
    std::rotate(at, at + 1, h.listeners.end());
    return found;
}

std::uint16_t free_port(host_state& h) {
    do ++h.last_port;
    while (is_taken(h, h.last_port));
    return h.last_port;
}

} // namespace

const std::string& memory_host::name() const noexcept {
    return state_->name;
}
void memory_host::delay(duration one_way) {
    state_->delay = one_way;
}
void memory_host::split(std::size_t n) {
    state_->split = n;
}
void memory_host::cut() {
    for (auto* link : state_->links) link->cut();
}
void memory_host::cut_after_received(std::size_t n) {
    state_->receives = n;
}
void memory_host::cut_after_sent(std::size_t n) {
    state_->sends = n;
}
void memory_host::refuse() {
    state_->refusing = true;
}
void memory_host::partition() {
    state_->partitioned = true;
    for (auto* link : state_->links) link->move_on();
}
void memory_host::heal() {
    auto& h = *state_;
    h.delay = duration(0);
    h.split = 0;
    h.receives.reset();
    h.sends.reset();
    h.refusing = h.partitioned = false;
    if (h.healed && !h.healed->fired()) h.healed->fire();
    for (auto* link : h.links) link->move_on();
}
std::size_t memory_host::connections() const noexcept {
    const auto& all = state_->links;
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](auto* link) { return !link->open().empty(); }));
}

memory_network::memory_network() = default;
memory_network::~memory_network() {
    // Streams that a test left behind may outlive the loop.
    for (auto& [name, h] : hosts_)
        for (auto* link : h->links) link->leave_loop();
}

memory_host memory_network::host(const std::string& name) {
    auto& state = hosts_[name];
    if (!state) state = std::make_shared<host_state>(name);
    return memory_host(state);
}

awaitable<std::unique_ptr<byte_stream>> memory_network::connect(url to, std::source_location made) {
    to = with_localhost(std::move(to));
    if (is_systems(to)) co_return co_await system()->connect(std::move(to), made);
    const auto executor = co_await this_coro::executor;
    auto known = hosts_.find(to.host);
    auto host = known == hosts_.end() ? nullptr : known->second;
    co_await round_trip(host, made);
    if (!host) unavailable(to, asio::error::host_not_found);
    auto l = listener_at(*host, to.port);
    if (!l) unavailable(to, asio::error::connection_refused);
    detail::memory_link::side here{executor, address_of("test", ++last_port_), made};
    detail::memory_link::side there{l->executor, address_of(to.host, to.port), l->made};
    auto link = std::make_shared<detail::memory_link>(host, std::move(here), std::move(there));
    l->offer(link->host_end());
    co_return link->test_end();
}

std::unique_ptr<listener> memory_network::listen(any_io_executor executor, url at,
                                                 port_sharing sharing, std::source_location made) {
    at = with_localhost(std::move(at));
    if (is_systems(at)) return system()->listen(std::move(executor), std::move(at), sharing, made);
    auto h = host(at.host).state_;
    if (at.port == 0) at.port = free_port(*h);
    for (auto& other : h->listeners) {
        const bool shared = sharing == port_sharing::shared && other->sharing == sharing;
        if (other->at.port == at.port && !shared)
            throw rpc_error(errc::unavailable,
                            "cannot listen on " + at.to_string() + ": " +
                                std::error_code(asio::error::address_in_use).message());
    }
    auto l = std::make_shared<listening>(
        listening{std::move(executor), std::move(at), sharing, made, h, {}, {}});
    h->listeners.push_back(l);
    return std::make_unique<detail::memory_listener>(std::move(l));
}

std::vector<memory_network::open_socket> memory_network::open() const {
    std::vector<open_socket> all;
    for (auto& [name, h] : hosts_) {
        for (auto& l : h->listeners)
            all.push_back({"listener at " + address_of(name, l->at.port), l->made});
        for (auto* link : h->links)
            for (auto& made : link->open()) all.push_back({"connection to " + name, made});
    }
    return all;
}

} // namespace oocrpc::testing
