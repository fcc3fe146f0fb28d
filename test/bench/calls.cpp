// The library as its users meet it, for the benchmark: coroutines that call `oocrpcd demo`, or a
// proxy in front of it, one after the other.
//
//     calls PROTOCOL KIND PORT CONNECTIONS IN_FLIGHT SECONDS SIZE
//
// KIND is what is called when SIZE is 0: `typed` demo.add with two ints, `dynamic` the same with a
// json array, `coroutine` and `suspending` typed ones whose handlers are coroutines. Else SIZE
// bytes are echoed. IN_FLIGHT coroutines share each of the CONNECTIONS; the first of them looks at
// the clock, which costs a tenth of a call, for all.

#include <deque>

#include <oocrpc/client.hpp>

#include "demo/methods.hpp"
#include "run_loop.hpp"

namespace {

using namespace oocrpc;

/// What the coroutines share.
struct load {
    std::string kind;
    std::size_t size = 0;
    bench::histogram latencies;
    std::exception_ptr failure;
};

/// The calls of one coroutine.
class lap {
  public:
    lap(load& l, bool timed) : load_(l), timed_(timed) {
        if (timed_) begun_ = bench::clock::now();
    }
    void ended() {
        if (!timed_) return load_.latencies.add();
        const auto now = bench::clock::now();
        load_.latencies.add(now - begun_);
        begun_ = now;
    }

  private:
    load& load_;
    bool timed_;
    bench::clock::time_point begun_{};
};

awaitable<void> call_typed(lap each, const client& on, const method<int(int, int)>& m) {
    for (;; each.ended()) bench::expect_sum(co_await on.call(m, 2, 3));
}

awaitable<void> call_dynamic(lap each, const client& on) {
    for (;; each.ended()) {
        auto arguments = json::array({2, 3});
        const auto sum = co_await on.call(std::string(demo::add.name()), std::move(arguments));
        bench::expect_sum(sum.get<int>());
    }
}

std::string_view content(bson::value_view v) {
    const auto data = v.as_binary().data;
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

awaitable<void> call_echo(lap each, const client& on, std::size_t size) {
    const auto sent = bench::payload(size);
    byte_buffer body;
    bson::array_writer arguments(body);
    arguments.add(std::as_bytes(std::span(sent)));
    arguments.finish();
    for (;; each.ended()) {
        auto call = message::call(demo::echo.name(), {bson::type::array, body});
        const auto answer = co_await on.exchange(std::move(call));
        if (answer.fault) throw answer.to_exception();
        bench::expect_echo(content(answer.body), sent);
    }
}

awaitable<void> work(load& l, const client& on, bool timed) {
    const lap each(l, timed);
    if (l.size) return call_echo(each, on, l.size);
    if (l.kind == "dynamic") return call_dynamic(each, on);
    return call_typed(each, on,
                      l.kind == "coroutine"    ? demo::add_coroutine
                      : l.kind == "suspending" ? demo::add_suspending
                                               : demo::add);
}

void measure(const std::string& protocol, std::string kind, const bench::arguments& a) {
    asio::io_context loop(1);
    load l{std::move(kind), a.size, {}, nullptr};
    std::deque<client> clients;
    const auto url = protocol + "://127.0.0.1:" + std::to_string(a.port);
    for (int i = 0; i < a.connections; ++i) {
        clients.emplace_back(loop.get_executor(), url);
        for (int j = 0; j < a.in_flight; ++j)
            asio::co_spawn(loop, work(l, clients.back(), j == 0), [&](std::exception_ptr e) {
                l.failure = e;
                loop.stop();
            });
    }
    bench::measure(a.span, l.latencies, [&](bench::clock::duration span) {
        bench::run_loop(loop, span);
        if (l.failure) std::rethrow_exception(l.failure);
    });
    std::_Exit(0); // what is in flight is of no interest
}

} // namespace

int main(int argc, char** argv) try {
    bench::arguments a;
    const std::span words(argv, static_cast<std::size_t>(argc));
    if (argc != 8 || !bench::parse(words.subspan(3), a)) {
        std::fputs("usage: calls PROTOCOL KIND PORT CONNECTIONS IN_FLIGHT SECONDS SIZE\n", stderr);
        return 64;
    }
    measure(argv[1], argv[2], a);
} catch (const std::exception& e) {
    std::fprintf(stderr, "calls: %s\n", e.what());
    return 1;
}
