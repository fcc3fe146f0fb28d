// Counts what a call allocates, client and server in one thread, over TCP on the loopback.
//
// ARCHITECTURE wants none on the typed path once it is warm. The bounds below are what is measured
// today, so that it cannot grow unseen; whoever lowers a number lowers its bound.

#include <oocrpc/client.hpp>
#include <oocrpc/mongodb_server_codec.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/service.hpp>

#include <cstdio>
#include <cstdlib>
#include <new>

namespace {
std::size_t allocations = 0;
}

// Asio takes the memory of handlers and coroutine frames from here; the linker sends it our way.
extern "C" void* __real_aligned_alloc(std::size_t alignment, std::size_t n);
extern "C" void* __wrap_aligned_alloc(std::size_t alignment, std::size_t n) {
    ++allocations;
    return __real_aligned_alloc(alignment, n);
}

void* operator new(std::size_t n) {
    ++allocations;
    if (void* p = std::malloc(n)) return p;
    throw std::bad_alloc();
}
void* operator new(std::size_t n, std::align_val_t a) {
    const auto alignment = static_cast<std::size_t>(a);
    if (void* p = std::aligned_alloc(alignment, (n + alignment - 1) / alignment * alignment))
        return p;
    throw std::bad_alloc();
}
// The sanitizers' own would not come here.
void* operator new[](std::size_t n) {
    return operator new(n);
}
void operator delete[](void* p) noexcept {
    std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
    std::free(p);
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    std::free(p);
}

namespace {

using namespace oocrpc;

constexpr method<int(int, int)> add{"demo.add", {"a", "b"}};
constexpr method<int(int, int)> add_later{"demo.add_later", {"a", "b"}};
constexpr method<int(int, int)> add_suspending{"demo.add_suspending", {"a", "b"}};

constexpr int rounds = 1'000;
bool failed = false;
// A timer that is armed again once in some seconds may fall into what is counted.
constexpr double stray = 0.01;

template <class M> awaitable<void> call_many(const client& db, const M& m, int n) {
    for (int i = 0; i < n; ++i)
        if (co_await db.call(m, i, 1) != i + 1) failed = true;
}

/// Calls `m`, `in_flight` at a time, and tells how much each call allocates once that is warm.
template <class M>
awaitable<void> measure(const client& db, const M& m, int in_flight, double bound,
                        const char* name) {
    co_await call_many(db, m, rounds);
    const auto executor = co_await this_coro::executor;
    std::size_t begun = 0;
    int left = in_flight;
    for (int i = 0; i < in_flight; ++i)
        asio::co_spawn(executor, call_many(db, m, 2 * rounds), [&](std::exception_ptr e) {
            if (e) failed = true;
            --left;
        });
    // The first half warms up.
    for (int turns = 0; left == in_flight && turns < rounds / 2; ++turns)
        co_await call_many(db, m, 1);
    begun = allocations;
    const int counted = rounds / 4;
    co_await call_many(db, m, counted);
    const auto used = static_cast<double>(allocations - begun);
    const int calls = counted * (in_flight + 1);
    while (left > 0) co_await call_many(db, m, 1);
    const auto each = used / calls;
    std::printf("%-28s %6.2f allocations a call, at most %.2f\n", name, each, bound);
    if (each > bound) failed = true;
}

awaitable<void> measure_all(server& s, const char* at) {
    {
        client db(co_await this_coro::executor, at);
        co_await measure(db, add, 0, stray, "plain, one at a time");
        co_await measure(db, add, 63, stray, "plain, 64 at a time");
        co_await measure(db, add_later, 0, stray, "coroutine, one at a time");
        co_await measure(db, add_later, 63, stray, "coroutine, 64 at a time");
        co_await measure(db, add_suspending, 0, stray, "suspending, one at a time");
    }
    s.drain();
}

/// A driver's calls and their answers, without a connection.
void measure_mongodb_codec() {
    byte_buffer request, out;
    request.grow(21); // header, flags, the kind of the section
    bson::document_writer command(request);
    command.add("add", std::vector{2, 3});
    command.add("lsid", std::string_view("0123456789abcdef"));
    command.add("$db", std::string_view("a service with a long name"));
    command.finish();
    std::memset(request.data(), 0, 21);
    oocrpc::detail::store_le(request.data(), static_cast<std::int32_t>(request.size()));
    oocrpc::detail::store_le(request.data() + 12, std::int32_t{2013});
    const auto sum = bson::to_value(5);

    mongodb_server_codec codec;
    std::size_t begun = 0;
    for (int i = 0; i < 2 * rounds; ++i) {
        if (i == rounds) begun = allocations;
        message call;
        if (codec.decode(request, call).what != decoded::state::message) failed = true;
        out.clear();
        if (codec.encode(message::reply(call.id, sum), out) != encoded::done) failed = true;
        codec.speak(out);
    }
    const auto used = allocations - begun;
    std::printf("%-28s %6zu allocations in all, at most 0\n", "MongoDB's codec", used);
    if (used) failed = true;
}

} // namespace

int main() {
    measure_mongodb_codec();
    asio::io_context io;
    service demo{"demo"};
    demo.on(add, [](int a, int b) { return a + b; })
        .on(add_later, [](int a, int b) -> awaitable<int> { co_return a + b; })
        .on(add_suspending, [](int a, int b) -> awaitable<int> {
            co_await asio::post(co_await this_coro::executor, use_awaitable);
            co_return a + b;
        });
    server s(io.get_executor());
    const auto at = s.listen("oocrpc://127.0.0.1:0").to_string();
    auto rethrow = [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    };
    asio::co_spawn(io, s.run(demo), rethrow);
    asio::co_spawn(io, measure_all(s, at.c_str()), rethrow);
    io.run();
    return failed ? 1 : 0;
}
