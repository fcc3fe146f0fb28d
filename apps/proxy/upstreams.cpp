#include "upstreams.hpp"

#include <algorithm>

#include <oocrpc/when.hpp>

namespace oocrpc::proxy {
namespace {

call_options as_arrived() {
    call_options options;
    options.when = deadline::none();
    return options;
}

} // namespace

/// A client that gives away its connection, so that it is known whether a call could be placed.
class upstreams::server : public client, public std::enable_shared_from_this<server> {
  public:
    using client::client;

    connection_ptr ready() {
        auto* c = target_->ready();
        return c ? c->shared_from_this() : nullptr;
    }
    awaitable<connection_ptr> acquire() {
        auto when = deadline::none(); // but what is inherited, which is a point in time
        co_return co_await target_->acquire(when);
    }
    /// Has the connection ready for a later call.
    void connect_soon() {
        if (std::exchange(connecting_, true)) return;
        auto work = acquire();
        // Why it failed is told to the calls that need it.
        asio::co_spawn(get_executor(), std::move(work),
                       [self = shared_from_this()](std::exception_ptr, const connection_ptr&) {
                           self->connecting_ = false;
                       });
    }

  private:
    bool connecting_ = false;
};

std::shared_ptr<upstreams> upstreams::make(any_io_executor executor, std::vector<std::string> urls,
                                           client_options options) {
    return std::shared_ptr<upstreams>(
        new upstreams(std::move(executor), std::move(urls), std::move(options)));
}

upstreams::upstreams(any_io_executor executor, std::vector<std::string> urls,
                     client_options options)
    : executor_(std::move(executor)),
      urls_(std::move(urls)),
      options_(std::move(options)) {
    if (urls_.empty()) throw rpc_error(errc::invalid_argument, "a proxy needs an upstream");
    open();
}

void upstreams::open() {
    if (!std::exchange(closed_, false)) return;
    servers_.clear();
    for (const auto& to : urls_)
        servers_.push_back(std::make_shared<server>(executor_, to, options_));
}

upstreams::connection_ptr upstreams::ready() {
    const auto n = servers_.size();
    const auto first = next_;
    connection_ptr found;
    for (std::size_t i = 0; i < n; ++i) {
        auto& s = *servers_[(first + i) % n];
        if (auto c = s.ready()) {
            next_ = (first + i + 1) % n;
            found = std::move(c);
            break;
        }
        if (n > 1) s.connect_soon();
    }
    return found;
}

awaitable<upstreams::connection_ptr> upstreams::acquire() {
    const auto self = shared_from_this();
    for (std::size_t tries = servers_.size();; --tries) {
        auto c = ready();
        if (!c) c = co_await connected_any();
        // It may have closed between the moment that resumes this coroutine and now.
        if (c->usable() || tries == 0) co_return c;
    }
}

/// It is we who could not log in, not the caller, who would take it for its own fault.
awaitable<upstreams::connection_ptr> upstreams::connected_any() {
    std::string why;
    try {
        co_return co_await acquire_any();
    } catch (const rpc_error& e) {
        if (e.code() != errc::unauthenticated) throw;
        why = e.detail();
    }
    throw rpc_error(errc::unavailable, why);
}

awaitable<upstreams::connection_ptr> upstreams::acquire_any() {
    if (servers_.size() == 1) co_return co_await servers_.front()->acquire();
    std::vector<awaitable<connection_ptr>> all;
    for (auto& s : servers_) all.push_back(s->acquire());
    std::string reasons;
    try {
        auto first = co_await when_any(std::move(all));
        co_return first.value;
    } catch (const failure_group& group) {
        for (const auto& e : group.errors()) {
            try {
                std::rethrow_exception(e);
            } catch (const rpc_error& error) {
                if (error.code() == errc::deadline_exceeded) throw;
                reasons += (reasons.empty() ? "" : "; ") + error.detail();
            }
        }
    }
    throw rpc_error(errc::unavailable, std::move(reasons));
}

/// Answers a call of `c` with what its upstream call brings.
class upstreams::answered : public pending<message>::completion {
  public:
    answered(context& c, std::shared_ptr<counters> counters)
        : completion(c.later()),
          context_(c),
          place_(std::move(counters)) {}

    void operator()(message&& answer) {
        place_.answered = !context_.cancelled();
        completion::operator()(std::move(answer));
    }

  private:
    context& context_;
    place place_;
};

maybe_awaitable<message> upstreams::pass(context& c, message&& call) {
    const auto to = ready();
    if (!to) {
        call.own();
        return exchange(std::move(call));
    }
    call_options options;
    auto until = c.deadline();
    if (until) until.origin = deadline_origin::inherited;
    options.when = deadline::fixed(until);
    to->async_exchange(std::move(call), std::move(options), answered(c, counters_));
    return c.later();
}

awaitable<message> upstreams::exchange(message call) {
    auto c = ready();
    if (!c) {
        std::optional<message> refused;
        try {
            c = co_await acquire();
        } catch (const rpc_error& e) {
            if (e.code() == errc::cancelled) throw;
            refused = message::error(0, e);
        }
        if (refused) co_return std::move(*refused);
    }
    place counted(counters_);
    message answer = co_await c->async_exchange(std::move(call), as_arrived(), use_awaitable);
    const auto state = co_await this_coro::cancellation_state;
    counted.answered = state.cancelled() == asio::cancellation_type::none;
    co_return answer;
}

awaitable<message> upstreams::fetch(message call) {
    const auto self = shared_from_this();
    message answer = co_await exchange(std::move(call));
    answer.own();
    co_return answer;
}

awaitable<upstreams::items> upstreams::open(message call, call_deadline inherited,
                                            std::int32_t window) {
    auto c = ready();
    if (!c) c = co_await acquire();
    place counted(counters_);
    co_return items(c->open(std::move(call), as_arrived(), inherited, window), std::move(counted));
}

awaitable<bool> upstreams::take_commands() {
    auto c = ready();
    if (!c) c = co_await acquire();
    co_return c->takes_commands();
}

awaitable<message> upstreams::items::next() {
    message m = co_await source_->next();
    place_.answered = m.kind != message_kind::item;
    co_return m;
}

std::size_t upstreams::connected() const noexcept {
    return static_cast<std::size_t>(std::count_if(servers_.begin(), servers_.end(),
                                                  [](auto& s) { return s->connected() > 0; }));
}

void upstreams::close() {
    closed_ = true;
    for (auto& s : servers_) s->close();
}

} // namespace oocrpc::proxy
