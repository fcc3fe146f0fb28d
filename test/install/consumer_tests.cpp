// A user's tests, with the installed test kit.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <oocrpc/oocrpc.hpp>
#include <oocrpc/testing.hpp>

using oocrpc::awaitable;
using oocrpc::errc;

namespace {

inline constexpr oocrpc::method<int(int, int)> add{"calc.add", {"a", "b"}};

} // namespace

TEST_CASE("calc adds, and a client is told when the connection is lost") {
    oocrpc::testing::run([](oocrpc::testing::memory_network& net) -> awaitable<void> {
        const auto ex = co_await oocrpc::this_coro::executor;
        oocrpc::service calc{"calc"};
        calc.on(add, [](int a, int b) { return a + b; });
        oocrpc::server server(ex);
        server.listen("oocrpc://calc:9000");
        oocrpc::task_group tasks(ex);
        tasks.spawn(server.run(calc));
        oocrpc::client db(ex, "oocrpc://calc:9000");
        CHECK(co_await db.call(add, 2, 3) == 5);
        net.host("calc").cut_after_received(1);
        CHECK_FAILS(db.call(add, 2, 3), errc::unavailable);
    });
}
