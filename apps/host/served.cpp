#include "served.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/server.hpp>

#include "listening_sockets.hpp"
#include "seldom.hpp"

namespace host {

using namespace oocrpc;

/// The server of one loop.
struct served::lane {
    explicit lane(asio::io_context& loop) : io(loop) {}

    /// Takes the server along, so that it is destroyed where it ran.
    static awaitable<void> run(std::shared_ptr<server> on, handler h) {
        co_await on->run(std::move(h));
    }

    asio::io_context& io;
    std::shared_ptr<server> idle; ///< until it runs
    std::weak_ptr<server> running;
    asio::cancellation_signal cancel;
};

/// What the servers of one run share with the component, which they may outlive.
struct served::run_state : std::enable_shared_from_this<run_state> {
    explicit run_state(any_io_executor ex) : home(std::move(ex)) {}

    void begin(const handler& h) {
        for (auto& l : lanes) {
            ++running;
            l->running = l->idle;
            auto work = lane::run(std::move(l->idle), h);
            auto ended = [self = shared_from_this()](std::exception_ptr e) {
                asio::post(self->home, [self, e] { self->ended(e); });
            };
            asio::co_spawn(l->io, std::move(work),
                           asio::bind_cancellation_slot(l->cancel.slot(), std::move(ended)));
        }
    }
    void ended(std::exception_ptr e) {
        --running;
        if (owner) {
            if (!e) e = std::make_exception_ptr(std::runtime_error("ended by itself"));
            owner->fail(e);
        } else if (e && !is_cancelled(e) && !failure) {
            failure = e;
        }
        if (wake && !wake->fired()) wake->fire();
    }
    awaitable<void> until_ended() {
        while (running > 0) {
            auto next = wake.emplace();
            co_await next.wait();
        }
    }
    void drain() {
        for (auto& l : lanes)
            asio::post(l->io, [on = l->running] {
                if (auto alive = on.lock()) alive->drain();
            });
    }
    /// Ends the drain: what still runs is cancelled.
    void cancel() {
        for (auto& l : lanes)
            asio::post(l->io, [self = shared_from_this(), lane = l.get()] {
                lane->cancel.emit(asio::cancellation_type::terminal);
            });
    }

    any_io_executor home;
    std::vector<std::unique_ptr<lane>> lanes;
    served* owner = nullptr; ///< null once it is to stop
    std::size_t running = 0;
    std::optional<promise<void>> wake;
    std::exception_ptr failure;
};

served::served(std::string name, serving& with, handler h, serve_options how)
    : component(std::move(name)),
      with_(with),
      handler_(counted(std::move(h), with.counters)),
      how_(std::move(how)) {}

served::~served() {
    if (state_) state_->owner = nullptr;
}

void served::log(log_level level, std::string_view message, const log_fields& fields) const {
    with_.log(level, path(), message, fields);
}

/// Puts the log in front of what the plugin itself set. Called on all loops; the component is told
/// by its path, which does not change while it runs. What strangers can bring about is told seldom.
server_options served::logged_options() const {
    auto options = how_.server;
    const auto name = path();
    const auto& write = with_.log;
    options.on_connected = [=, then = std::move(options.on_connected)](const peer_info& who) {
        write(log_level::debug, name, "connected", {{"peer", who.address}});
        if (then) then(who);
    };
    options.on_disconnected = [=, broken = std::make_shared<seldom>(),
                               then = std::move(options.on_disconnected)](const peer_info& who,
                                                                          const rpc_error& why) {
        log_fields what{{"peer", who.address}, {"reason", why.what()}};
        // A peer that closes its connection is the normal end.
        const bool usual = why.code() == errc::unavailable;
        const auto level = usual ? log_level::debug : broken->level(what);
        write(level, name, "disconnected", what);
        if (then) then(who, why);
    };
    options.on_handshake_failed = [=, failed = std::make_shared<seldom>(),
                                   then = std::move(options.on_handshake_failed)](
                                      const peer_info& who, const rpc_error& why) {
        log_fields what{{"peer", who.address}, {"reason", why.detail()}};
        const auto level = failed->level(what);
        write(level, name, "handshake failed", what);
        if (then) then(who, why);
    };
    options.on_accept_error =
        [=, failed = std::make_shared<seldom>(),
         then = std::move(options.on_accept_error)](const url& at, const std::error_code& why) {
            log_fields what{{"listener", at.to_string()}, {"reason", why.message()}};
            const auto level = failed->level(what);
            write(level, name, "accepting failed", what);
            if (then) then(at, why);
        };
    options.on_refused = [=, then = std::move(options.on_refused)](
                             const url& at, const std::string& peer, std::size_t n) {
        write(log_level::warn, name, "connections refused",
              {{"listener", at.to_string()},
               {"peer", peer},
               {"refused", std::to_string(n)},
               {"reason", "the address has max-connections-per-address"}});
        if (then) then(at, peer, n);
    };
    return options;
}

std::vector<url> served::wanted() const {
    std::vector<url> all;
    for (const auto& at : how_.urls) all.push_back(url::parse(at));
    return all;
}

bool served::asks_who(const url& at) const {
    const auto& tls = how_.server.tls;
    return with_.access || (at.tls && tls && tls->requires_certificates());
}

void served::listen(run_state& state) {
    const auto lanes = how_.all_threads ? with_.loops.size() : 1;
    auto options = logged_options();
    options.registry = std::make_shared<call_registry>();
    options.sharing = lanes > 1 ? port_sharing::shared : port_sharing::exclusive;
    for (std::size_t i = 0; i < lanes; ++i) {
        auto& io = with_.loops.loop(i);
        state.lanes.push_back(std::make_unique<lane>(io));
        state.lanes[i]->idle = std::make_shared<server>(io.get_executor(), options);
    }
    const listening_sockets::opened_by here(with_.loops.first().get_executor(), path());
    std::vector<url> addresses;
    for (const auto& at : how_.urls) {
        auto bound = state.lanes[0]->idle->listen(at);
        for (std::size_t i = 1; i < lanes; ++i) state.lanes[i]->idle->listen(bound);
        addresses.push_back(std::move(bound));
    }
    addresses_ = std::move(addresses);
}

awaitable<void> served::on_start() {
    auto state = std::make_shared<run_state>(co_await this_coro::executor);
    listen(*state);
    state->owner = this;
    state_ = state;
    for (const auto& at : addresses_)
        log(log_level::info, "listening", {{"listener", at.to_string()}});
    with_.begin.when_open([state, h = handler_] {
        if (state->owner) state->begin(h);
    });
}

awaitable<void> served::on_stop() {
    auto state = std::exchange(state_, nullptr);
    state->owner = nullptr;
    addresses_.clear();
    state->drain();
    bool cut_short = false;
    try {
        co_await state->until_ended();
    } catch (const rpc_error&) {
        cut_short = true;
    }
    if (cut_short) {
        co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        state->cancel();
        co_await state->until_ended();
    }
    if (state->failure) std::rethrow_exception(state->failure);
}

} // namespace host
