#include "conformance.hpp"

#include <oocrpc/clock.hpp>
#include <oocrpc/service.hpp>

#include "host/counters.hpp"

namespace demo {
namespace {

using namespace oocrpc;
using bson::value_view;

[[noreturn]] void refuse(std::string why) {
    throw rpc_error(errc::invalid_argument, std::move(why));
}

void require_not_negative(const char* name, int n) {
    if (n < 0) refuse(std::string(name) + ": expected 0 or more, got " + std::to_string(n));
}

bool is_int(value_view v) {
    return v.t == bson::type::int32 || v.t == bson::type::int64;
}
std::int64_t as_int(value_view v) {
    return v.t == bson::type::int32 ? v.as_int32() : v.as_int64();
}
double as_double(value_view v) {
    return is_int(v) ? static_cast<double>(as_int(v)) : v.as_double();
}

void require_number(const char* name, value_view v) {
    if (!is_int(v) && v.t != bson::type::float64)
        refuse(std::string(name) + ": expected int or double, got " +
               std::string(bson::to_string(v.t)));
}

template <class T> message reply_with(context& c, T result) {
    const auto t = bson::put(c.scratch(), result);
    return message::reply(0, value_view{t, c.scratch()});
}

message add_numbers(context& c, value_view a, value_view b) {
    require_number("a", a);
    require_number("b", b);
    if (!is_int(a) || !is_int(b)) return reply_with(c, as_double(a) + as_double(b));
    std::int64_t sum = 0;
    if (__builtin_add_overflow(as_int(a), as_int(b), &sum)) refuse("the sum exceeds an int64");
    const auto narrow = static_cast<std::int32_t>(sum);
    return narrow == sum ? reply_with(c, narrow) : reply_with(c, sum);
}

int add_ints(int a, int b) {
    int sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) refuse("the sum exceeds an int32");
    return sum;
}

awaitable<int> add_in_coroutine(int a, int b) {
    co_return add_ints(a, b);
}

awaitable<int> add_after_suspending(int a, int b) {
    co_await asio::post(co_await this_coro::executor, use_awaitable);
    co_return add_ints(a, b);
}

message fail_with(const std::string& message_text, const std::optional<std::string>& detail) {
    if (message_text.empty()) refuse("message: expected an identifier, got an empty string");
    const auto known = errc_from_string(message_text);
    const auto code = static_cast<int>(known.value_or(errc::application));
    return message::error(0, rpc_error(message_text, detail.value_or(""), code));
}

std::string letters(context& c, int n) {
    require_not_negative("n", n);
    const auto most = c.limits().max_message;
    if (static_cast<std::size_t>(n) > most)
        throw rpc_error(errc::message_too_large, "n: " + std::to_string(n) +
                                                     " letters exceed the limit of a message, " +
                                                     std::to_string(most) + " bytes");
    return std::string(static_cast<std::size_t>(n), 'x');
}

awaitable<int> sleep_for_ms(int ms) {
    require_not_negative("ms", ms);
    co_await sleep_for(std::chrono::milliseconds(ms));
    co_return ms;
}

awaitable<void> count_to(int n, int ms, sink<int>& out) {
    require_not_negative("n", n);
    require_not_negative("ms", ms);
    for (int i = 0; i < n; ++i) {
        if (ms > 0) co_await sleep_for(std::chrono::milliseconds(ms));
        co_await out.send(i);
    }
}

identity identify(context& c) {
    const auto& who = c.info();
    identity id{who.address, who.protocol, who.user, {}};
    for (const auto& [name, text] : c.meta()) id.metadata.emplace(name, text);
    return id;
}

// The server's side of `add` and `echo`: the values as they stand in the call.
constexpr method<value_view(value_view, value_view)> add_any{add.name(), add.parameters()};
constexpr method<value_view(value_view)> echo_any{echo.name(), echo.parameters()};

service make_service() {
    service s("demo", bare_names::yes);
    s.on(add_any, add_numbers)
        .on(add_coroutine, add_in_coroutine)
        .on(add_suspending, add_after_suspending)
        .on(echo_any, [](value_view v) { return message::reply(0, v); })
        .on(sleep_ms, sleep_for_ms)
        .on(fail, fail_with)
        .on(noreply, [] {})
        .on(big, letters)
        .on(count, [](int n, sink<int>& out) { return count_to(n, 0, out); })
        .on(count_slow, [](int n, int ms, sink<int>& out) { return count_to(n, ms, out); })
        .on(whoami, identify);
    return s;
}

} // namespace

struct conformance::counters {
    std::shared_ptr<host::call_counters> calls = std::make_shared<host::call_counters>();
    std::atomic<std::int64_t> connections{0};

    stats now() const {
        const auto c = calls->now();
        return {c.begun,     c.finished,  c.failed,
                c.cancelled, c.in_flight, connections.load(std::memory_order_relaxed)};
    }
};

conformance::conformance() : counters_(std::make_shared<counters>()) {
    auto s = make_service();
    s.on(get_stats, [counters = counters_] { return counters->now(); });
    serve_ = host::counted(s, counters_->calls);
}

void conformance::watch(oocrpc::server_options& options) const {
    options.on_connected = [counters = counters_,
                            then = std::move(options.on_connected)](const peer_info& who) {
        counters->connections.fetch_add(1, std::memory_order_relaxed);
        if (then) then(who);
    };
    options.on_disconnected = [counters = counters_, then = std::move(options.on_disconnected)](
                                  const peer_info& who, const rpc_error& why) {
        counters->connections.fetch_sub(1, std::memory_order_relaxed);
        if (then) then(who, why);
    };
}

stats conformance::now() const {
    return counters_->now();
}

} // namespace demo
