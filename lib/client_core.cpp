#include "client_core.hpp"

#include <algorithm>

#include "log_in.hpp"
#include "protocols.hpp"
#include <oocrpc/deadline.hpp>
#include <oocrpc/task_list.hpp>

namespace oocrpc::detail {

client_core::client_core(any_io_executor executor, url to, client_options options,
                         std::source_location made)
    : executor_(std::move(executor)),
      to_(std::move(to)),
      options_(protocols::options_for(to_, std::move(options))),
      made_(made),
      login_(protocols::login_for(to_, options_)),
      clock_(clock::of(executor_)),
      slots_(std::max<std::size_t>(options_.connections, 1)) {
    if (to_.tls) tls_ = std::make_unique<tls_client>(options_.tls);
    cleanse(to_.password); // login_ has it
    if (options_.serve) serve_ = std::make_shared<const handler>(options_.serve);
}

connection* client_core::ready() {
    const auto* found = running_here(executor_) ? usable() : nullptr;
    return found ? found->get() : nullptr;
}

/// The next connection that takes calls, by turns; null where there is none.
client_core::connection_ptr* client_core::usable() {
    if (closed_) return nullptr;
    if (++next_ >= slots_.size()) next_ = 0;
    auto& turn = slots_[next_];
    if (turn.open && turn.open->usable()) return &turn.open;
    for (auto& other : slots_)
        if (other.open && other.open->usable()) {
            // Serve this call over there, and have the slot ready for a later one.
            if (turn.not_before <= clock_.now()) try_to_connect(turn);
            return &other.open;
        }
    return nullptr;
}

awaitable<std::shared_ptr<connection>> client_core::acquire(deadline& when) {
    const auto own = co_await this_coro::executor;
    const auto* scope = scope_of(own);
    call_deadline inherited;
    if (scope) inherited = scope->deadline;
    const auto until = when.resolve(clock_.now(), inherited, options_.default_timeout);
    when = deadline::fixed(until);
    if (running_here(executor_)) co_return co_await acquire_here(shared_from_this(), until);
    auto waited = acquire_for_elsewhere(shared_from_this(), until);
    // The wait runs on the client's executor. A cancel from the caller's would have to cross, so
    // it is seen when the wait is over.
    co_return co_await asio::co_spawn(
        executor_, std::move(waited),
        asio::bind_cancellation_slot(asio::cancellation_slot(), use_awaitable));
}

/// The call is placed only once the caller's thread has come back with it: a goaway that arrives
/// meanwhile must not end the connection.
awaitable<client_core::connection_ptr>
client_core::acquire_for_elsewhere(std::shared_ptr<client_core> self, call_deadline until) {
    const auto c = co_await acquire_here(self, until);
    co_return c->expect_call();
}

awaitable<client_core::connection_ptr> client_core::acquire_here(std::shared_ptr<client_core> self,
                                                                 call_deadline until) {
    if (self->closed_) throw rpc_error(errc::unavailable, "the client is closed");
    if (auto* c = self->usable()) co_return *c;
    auto& s = self->slots_[self->pick()];
    if (until && until.at < s.not_before)
        throw rpc_error(s.last_code, s.last_error + " (waiting to connect again)");
    self->try_to_connect(s);
    if (!s.waiters || s.waiters->fired()) s.waiters.emplace();
    auto attempt = *s.waiters;
    if (!until) co_return co_await attempt.wait();
    std::exception_ptr failure;
    try {
        co_return co_await with_deadline(until.at, attempt.wait(), self->made_);
    } catch (const rpc_error& e) {
        if (e.code() != errc::deadline_exceeded) throw;
    }
    throw rpc_error(errc::deadline_exceeded,
                    until.text() + " while connecting to " + self->to_.to_string());
}

std::size_t client_core::pick() {
    // Join an attempt that is under way only when every slot has one or waits longer.
    const auto best = std::min_element(slots_.begin(), slots_.end(), [](auto& a, auto& b) {
        return std::pair(a.not_before, a.trying) < std::pair(b.not_before, b.trying);
    });
    return static_cast<std::size_t>(best - slots_.begin());
}

void client_core::try_to_connect(slot& s) {
    if (s.trying || closed_) return;
    if (s.open) leaving_.push_back(std::exchange(s.open, nullptr));
    std::erase_if(leaving_, [](auto& c) { return c.expired(); });
    s.trying = true;
    auto attempt = connect(shared_from_this(), s);
    asio::co_spawn(executor_, std::move(attempt),
                   // Keeps the signal, which is in the slot, for as long as the attempt.
                   asio::bind_cancellation_slot(s.stop.slot(),
                                                [self = shared_from_this()](std::exception_ptr e) {
                                                    if (e) std::rethrow_exception(e);
                                                }));
}

awaitable<void> client_core::connect(std::shared_ptr<client_core> self, slot& s) {
    const task_list::entry listed(self->executor_, self->made_, self->to_.to_string());
    connection_ptr c;
    std::optional<rpc_error> failure;
    try {
        if (s.not_before > self->clock_.now()) co_await sleep_until(s.not_before, self->made_);
        c = co_await self->open(s);
    } catch (const rpc_error& e) {
        failure = e;
    } catch (const std::exception& e) {
        failure.emplace(errc::unavailable, self->to_.to_string() + ": " + e.what());
    }
    s.trying = false;
    if (self->closed_) {
        if (c) c->close(rpc_error(errc::unavailable, "the client is closed"));
    } else if (failure) {
        self->failed(s, *failure);
    } else {
        self->connected(s, std::move(c));
    }
}

awaitable<client_core::connection_ptr> client_core::open(slot& s) {
    std::string failures;
    for (std::size_t i = 0; i <= to_.others.size(); ++i) {
        try {
            auto one = address(i);
            co_return co_await open_at(s, std::move(one));
        } catch (const rpc_error& e) {
            // A server that refuses the login can be reached.
            const bool final = e.code() == errc::cancelled || e.code() == errc::unauthenticated;
            if (final || to_.others.empty()) throw;
            failures += (failures.empty() ? "" : "; ") + e.detail();
        }
    }
    throw rpc_error(errc::unavailable, failures);
}

url client_core::address(std::size_t i) const {
    url one = to_;
    if (i > 0) {
        one.host = to_.others[i - 1].host;
        one.port = to_.others[i - 1].port;
    }
    one.others.clear();
    one.user.clear(); // errors name the address alone
    one.password.clear();
    one.database.clear();
    one.options.clear();
    return one;
}

awaitable<client_core::connection_ptr> client_core::open_at(slot& s, url one) {
    const auto until = clock_.after(options_.connect_timeout);
    auto bytes = co_await reach(one);
    promise<void> greeted;
    connection_options options;
    options.limit = options_.limit;
    options.memory = options_.memory;
    options.default_timeout = options_.default_timeout;
    options.on_ready = [greeted]() mutable { greeted.fire(); };
    options.on_closed = [weak = weak_from_this(), &s, greeted](connection& c,
                                                               const rpc_error& why) mutable {
        if (!greeted.fired()) greeted.fire();
        if (auto self = weak.lock()) self->lost(s, c, why);
    };
    options.meta = options_.meta;
    const bool encrypted = bytes->tls() != nullptr;
    auto codec = options_.codecs ? options_.codecs(options_.limit)
                                 : protocols::client_codec(to_, options_.limit, login_, encrypted);
    auto c = connection::start(std::move(bytes), std::move(codec), serve_, std::move(options));
    if (!c->ready()) co_await handshake(c, one, std::move(greeted), until);
    const bool by_calls = options_.codecs || protocols::logs_in_by_calls(to_);
    if (login_ && by_calls) co_await log_in(c, std::move(one), until);
    co_return c;
}

awaitable<void> client_core::log_in(connection_ptr c, url one, time_point until) {
    std::optional<rpc_error> why;
    try {
        const call_deadline when{until, options_.connect_timeout, deadline_origin::call};
        co_await detail::log_in(c, login_, when);
        co_return;
    } catch (const rpc_error& e) {
        why = e;
    }
    if (why->code() == errc::deadline_exceeded)
        why = rpc_error(errc::unavailable, "no login within " +
                                               std::to_string(options_.connect_timeout.count()) +
                                               " ms");
    if (why->code() != errc::cancelled)
        why = rpc_error(static_cast<errc>(why->code().value()),
                        one.to_string() + ": " + why->detail());
    c->close(*why);
    throw rpc_error(*why);
}

/// A server that takes connections and does not greet is no server to put calls on.
awaitable<void> client_core::handshake(connection_ptr c, url one, promise<void> greeted,
                                       time_point until) {
    std::exception_ptr failure;
    try {
        co_await with_deadline(until, greeted.wait(), made_);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure && c->ready() && !c->closed()) co_return;
    const auto* said = c->last_reason();
    const bool refused = said && said->code() == errc::unauthenticated;
    const auto why =
        refused ? rpc_error(errc::unauthenticated, one.to_string() + ": " + said->detail())
        : said  ? *said
                : rpc_error(errc::unavailable, one.to_string() + ": no handshake within " +
                                                   std::to_string(options_.connect_timeout.count()) +
                                                   " ms");
    c->close(why);
    if (failure && is_cancelled(failure)) std::rethrow_exception(failure);
    throw rpc_error(why);
}

awaitable<std::unique_ptr<byte_stream>> client_core::reach(url one) {
    try {
        co_return co_await with_deadline(options_.connect_timeout, dial(one), made_);
    } catch (const rpc_error& e) {
        if (e.code() != errc::deadline_exceeded) throw;
    }
    throw rpc_error(errc::unavailable, one.to_string() + ": no connection within " +
                                           std::to_string(options_.connect_timeout.count()) +
                                           " ms");
}

awaitable<std::unique_ptr<byte_stream>> client_core::dial(url one) {
    auto bytes = co_await connect_stream(one, made_);
    if (!tls_) co_return std::move(bytes);
    const auto within = options_.limit.handshake_timeout;
    co_return co_await tls_->connect(std::move(bytes), std::move(one), within);
}

void client_core::connected(slot& s, connection_ptr c) {
    s.failures = 0;
    s.not_before = {};
    s.open = std::move(c);
    if (s.waiters) std::exchange(s.waiters, std::nullopt)->fire(s.open);
}

void client_core::failed(slot& s, const rpc_error& e) {
    s.not_before = clock_.now() + backoff(s.failures++);
    s.last_error = e.detail();
    const bool login = e.code() == errc::unauthenticated;
    s.last_code = login ? errc::unauthenticated : errc::unavailable;
    auto waiters = std::exchange(s.waiters, std::nullopt);
    if (!waiters || waiters->fired()) return;
    const bool refused = login || e.code() == errc::protocol_error;
    waiters->fail(refused ? e : rpc_error(errc::unavailable, e.detail()));
}

void client_core::lost(slot& s, connection& c, const rpc_error& why) {
    if (s.open.get() != &c) return;
    s.last_code = errc::unavailable;
    s.last_error = to_.to_string() + ": " + why.detail();
    s.open.reset();
}

std::chrono::milliseconds client_core::backoff(unsigned failures) {
    auto wait = options_.backoff.first;
    for (unsigned i = 0; i < failures && wait < options_.backoff.most; ++i) wait *= 2;
    wait = std::min(wait, options_.backoff.most);
    std::uniform_int_distribution<std::int64_t> part(wait.count() / 2, wait.count());
    return std::chrono::milliseconds(part(random_));
}

void client_core::close() {
    asio::dispatch(executor_, [self = shared_from_this()] {
        if (std::exchange(self->closed_, true)) return;
        const rpc_error why(errc::unavailable, "the client is closed");
        for (auto& s : self->slots_) {
            if (s.trying) s.stop.emit(asio::cancellation_type::terminal);
            if (s.open) std::exchange(s.open, nullptr)->close(why);
            auto waiters = std::exchange(s.waiters, std::nullopt);
            if (waiters && !waiters->fired()) waiters->fail(why);
        }
        for (auto& weak : self->leaving_)
            if (auto c = weak.lock()) c->close(why);
    });
}

std::size_t client_core::connected() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](auto& s) { return s.open && s.open->usable(); }));
}

} // namespace oocrpc::detail
